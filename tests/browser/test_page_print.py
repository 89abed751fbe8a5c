"""The page on paper and on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from attn_cli.inspection.history import snapshots
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import TrainedModel
from tests.browser.conftest import contents, random_model
from tests.conftest import Trained

pytestmark = pytest.mark.browser

TEXT = "The fox met"
GROUND = "() => getComputedStyle(document.body).backgroundColor"
PHONE = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def tiny(trained: Trained) -> TrainedModel:
    return load_model(trained.run.path)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_prints_on_few_sheets(
    theme: str, tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    past = list(snapshots(tiny.folder, tiny.encode_prompt(TEXT), pytest.fail))
    page = opened(contents(tiny, TEXT, snapshots=past), color_scheme=theme).page
    paper = page.pdf(format="A4", print_background=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", paper)) <= 4


def test_paper_is_light_and_has_no_controls(tiny: TrainedModel, opened: Callable[..., Any]) -> None:
    page = opened(contents(tiny, TEXT), width=703, color_scheme="dark")  # A4 within its margins
    page.page.emulate_media(media="print", color_scheme="dark")
    assert page.run(GROUND) == "rgb(255, 255, 255)"
    assert (
        page.page.locator("button:visible, input:visible, textarea:visible").evaluate_all(
            "(all) => all.filter((one) => !one.closest('.thumbnails, #ablation-grid')).length"
        )
        == 0
    )
    assert page.run("() => document.documentElement.scrollWidth - innerWidth") <= 0
    # What would be cut at the edge of the paper.
    assert (
        page.run(
            "() => Array.from(document.querySelectorAll('.map, table')).filter("
            "(one) => one.getBoundingClientRect().right > innerWidth).length"
        )
        == 0
    )


def test_what_is_drawn_for_the_dark_is_drawn_anew_while_it_prints(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, TEXT), color_scheme="dark")
    shade = (
        "() => getComputedStyle(document.querySelectorAll('#surprisal-strip span')[3])"
        ".backgroundColor"
    )
    dark = page.run(shade)
    page.run("() => window.dispatchEvent(new Event('beforeprint'))")
    assert page.run(shade) != dark
    page.run("() => window.dispatchEvent(new Event('afterprint'))")
    assert page.run(shade) == dark
    assert page.run("() => document.documentElement.dataset.theme") is None


def test_a_phone_is_told_what_scrolls_and_not_of_keys(opened: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    loaded = random_model("model.n_layer=2", "model.n_embd=24", "model.n_head=3")
    page = opened(contents(loaded, "The owl met the fox."), **PHONE)
    assert page.page.locator(".keys-hint:visible, #help-button:visible").count() == 0
    table = page.page.locator("#embedding-table .scroll")
    expect(table).to_have_attribute("data-scrolls", "")
    hint = "(one) => getComputedStyle(one, '::before').content"
    assert "scroll sideways" in table.evaluate(hint)
    smallest = page.run(
        "() => Math.min(...Array.from(document.querySelectorAll('main *, #stages *, footer *'))"
        ".filter((one) => one.offsetWidth && Array.from(one.childNodes).some("
        "(node) => node.nodeType === Node.TEXT_NODE && node.data.trim()))"
        ".map((one) => parseFloat(getComputedStyle(one).fontSize)))"
    )
    assert smallest >= 12
    assert page.run("() => document.documentElement.scrollWidth - innerWidth") <= 0

    desk = opened(contents(loaded, "The owl met the fox."))
    assert desk.page.locator(".keys-hint:visible, #help-button:visible").count() == 2
    expect(desk.page.locator("#embedding-table .scroll")).not_to_have_attribute("data-scrolls", "")
