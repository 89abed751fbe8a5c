"""A report in a browser: the cursor by keyboard and pointer, narrow and wide, on paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attn_cli.inspection.report.build import report_page
from attn_cli.inspection.report.read_run import measured_run
from tests.conftest import Trained

pytestmark = pytest.mark.browser

READOUT = "() => document.querySelector('.readout').textContent"


@pytest.fixture(scope="session")
def reports(
    trained: Trained, trained_classifier: Trained, trained_translator: Trained
) -> dict[str, str]:
    """The reports of three tasks."""
    runs = (trained, trained_classifier, trained_translator)
    return {
        run.config.task: report_page("A run", [measured_run(run.run, lambda _: None)])
        for run in runs
    }


@pytest.mark.parametrize("task", ["lm", "classify", "seq2seq"])
@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1280, "light")])
def test_nothing_is_wider_than_the_page(
    task: str, width: int, theme: str, reports: dict[str, str], opened: Callable[..., Any]
) -> None:
    page = opened(reports[task], width=width, color_scheme=theme)
    assert page.run("() => document.documentElement.scrollWidth") <= width
    assert page.page.locator("svg.plot").first.bounding_box()["width"] > 0.65 * (width - 60)


def test_arrow_keys_move_the_cursor_and_values_are_read_out(
    reports: dict[str, str], opened: Callable[..., Any], trained: Trained
) -> None:
    page = opened(reports["lm"])
    slider = page.page.get_by_role("slider", name="Loss by step")
    slider.focus()
    page.page.keyboard.press("Home")
    first = trained.callback.lines[0]
    assert page.run(READOUT).startswith(f"step {first.step}: training {first.train_loss:.4f}"[:22])
    page.page.keyboard.press("ArrowRight")
    second = trained.callback.lines[1]
    assert slider.get_attribute("aria-valuenow") == str(second.step)
    assert slider.get_attribute("aria-valuetext") == page.run(READOUT)
    assert page.run("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.page.keyboard.press("End")
    assert slider.get_attribute("aria-valuenow") == str(trained.result.steps)


def test_the_pointer_moves_the_cursor_of_all_plots(
    reports: dict[str, str], opened: Callable[..., Any], trained: Trained
) -> None:
    page = opened(reports["lm"])
    box = page.page.locator("svg.plot").last.bounding_box()
    page.page.mouse.move(box["x"] + 60, box["y"] + 40)
    assert page.run(READOUT).startswith(f"step {trained.callback.lines[0].step}:")
    assert page.page.locator(".cursor line").count() == page.page.locator("svg.plot").count()


def test_the_theme_button_shades_the_cells_anew_and_paper_is_light(
    reports: dict[str, str], opened: Callable[..., Any]
) -> None:
    page = opened(reports["classify"], color_scheme="dark")
    ground = "() => getComputedStyle(document.querySelector('[data-shade]')).backgroundColor"
    dark = page.run(ground)
    page.page.click("#theme-button")
    assert page.run(ground) != dark
    page.page.emulate_media(media="print")
    assert page.page.locator("#theme-button").is_hidden()
    page.run("() => dispatchEvent(new Event('beforeprint'))")
    assert page.page.locator("details").get_attribute("open") is not None
