"""The lesson in the page: one step at a time, by button, key and address; in print, all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attn_cli.inspection.handmade_model import handmade_model
from attn_cli.inspection.lesson.build import lesson_on
from attn_cli.inspection.page.build import PageContents
from tests.browser.conftest import contents
from tests.browser.test_page_lesson_typed import go_to

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def tiny() -> PageContents:
    loaded = handmade_model()
    _, steps = lesson_on(loaded, loaded.encode_prompt("abba"))
    return contents(loaded, "abba", lesson=steps)


def visible(page: Any) -> list[str]:
    return [
        step.inner_text() for step in page.page.locator("#lesson h3").all() if step.is_visible()
    ]


def test_one_step_at_a_time_by_button_and_key(
    tiny: PageContents, opened: Callable[..., Any]
) -> None:
    page = opened(tiny)
    titles = [step.title for step in tiny.lesson]
    assert visible(page) == [f"1 {titles[0]}"]
    page.page.click("#lesson-back", force=True)  # there is nothing before
    assert visible(page) == [f"1 {titles[0]}"]
    page.page.click("#lesson-next")
    assert visible(page) == [f"2 {titles[1]}"]
    assert page.page.inner_text("#lesson-here") == f"Step 2 of {len(titles)}: {titles[1]}"
    page.page.keyboard.press("n")
    assert visible(page) == [f"3 {titles[2]}"]
    page.page.keyboard.press("b")
    page.page.keyboard.press("ArrowRight")  # the focus is on the bar
    assert visible(page) == [f"3 {titles[2]}"]
    page.page.focus("#typed")
    page.page.keyboard.press("n")  # a letter of the text
    assert visible(page) == [f"3 {titles[2]}"]
    page.page.go_back()
    page.page.wait_for_selector("#step-2")
    assert visible(page) == [f"2 {titles[1]}"]


def test_a_step_has_an_address_and_its_stage_is_marked(
    tiny: PageContents, opened: Callable[..., Any]
) -> None:
    page = opened(tiny)
    last = len(tiny.lesson)
    page.page.goto(f"{page.page.url}#step-{last}")
    page.page.reload()
    del page.requests[1:]
    assert visible(page) == [f"{last} {tiny.lesson[-1].title}"]
    current = page.page.locator(".lesson-way [aria-current]")
    assert current.inner_text().startswith("next character")
    page.page.click(".lesson-way >> text=feed-forward")
    page.page.wait_for_selector("h3:has-text('The norm again')")
    assert visible(page)[0].endswith(" The norm again")
    page.page.click("text=Contents")
    page.page.click("#lesson-contents >> text=Scaled scores")
    page.page.wait_for_selector("h3:has-text('Scaled scores')")
    assert visible(page)[0].endswith(" Scaled scores")
    assert current.inner_text().startswith("attention")
    page.page.goto(f"{page.page.url.split('#')[0]}#step-{last + 1}")  # there is no such step
    assert visible(page)[0].endswith(" Scaled scores")


@pytest.mark.parametrize("width", [1000, 1280])
def test_back_and_next_stay_in_sight(
    width: int, tiny: PageContents, opened: Callable[..., Any]
) -> None:
    page = opened(tiny, width, 500)
    go_to(page, 14)
    page.run("() => window.scrollBy(0, 150)")
    covering = page.page.locator("#lesson-next").evaluate(
        """button => {
            const { x, y } = button.getBoundingClientRect();
            return document.elementFromPoint(x + 5, y + 3).id;
        }"""
    )
    assert covering == "lesson-next"


def test_in_print_all_steps_are_there(tiny: PageContents, opened: Callable[..., Any]) -> None:
    page = opened(tiny)
    page.page.emulate_media(media="print")
    assert len(visible(page)) == len(tiny.lesson)
    assert not page.page.is_visible("#lesson-bar")


def test_without_a_script_the_lesson_can_be_read(
    tiny: PageContents, opened: Callable[..., Any]
) -> None:
    page = opened(tiny, java_script_enabled=False)
    assert len(visible(page)) == len(tiny.lesson)
    assert not page.page.is_visible("#attention")
    assert not page.page.is_visible("#lesson-bar")
