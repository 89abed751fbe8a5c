"""The lesson in the page of an encoder-decoder: it says of a typed source what Python's says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attn_cli.inspection.lesson.blocks import LessonStep
from attn_cli.inspection.lesson.pairs import pair_lesson
from attn_cli.inspection.page.translation import translation_page
from attn_cli.inspection.pair_pass import pair_pass
from attn_cli.runs.loaded_model import LoadedModel
from tests.browser.test_page_lesson_typed import READ, assert_same, go_to, said
from tests.browser.test_translation_page import random_translator, type_source

pytestmark = pytest.mark.browser

KINDS = {
    "gpt2": ("model.block=gpt2", "model.bias=true", "model.position=learned"),
    "qwen3": ("model.block=qwen3", "model.bias=false", "model.position=rope"),
    "rotary positions only in self-attention": (
        "model.block=qwen3", "model.position=rope", "model.cross_rope=false",
    ),
    "neighbours": ("model.block=gpt2", "model.source_neighbours=true", "model.position=none"),
}  # fmt: skip
LAYER, HEAD = 1, 2


def lesson_of(loaded: LoadedModel, source: str) -> list[LessonStep]:
    seen = pair_pass(loaded, source)
    return pair_lesson(seen, loaded.tokenizer, layer=LAYER, head=HEAD)


def opened_lesson(open_page: Callable[..., Any], loaded: LoadedModel, source: str) -> Any:
    ids, lesson = loaded.encode_source(source), lesson_of(loaded, source)
    made = translation_page(loaded, ids, "A page", layer=LAYER, head=HEAD, lesson=lesson)
    return open_page(made.html)


@pytest.mark.parametrize("kind", KINDS)
def test_the_lesson_is_that_of_the_typed_source(kind: str, opened: Callable[..., Any]) -> None:
    loaded = random_translator(*KINDS[kind])
    page = opened_lesson(opened, loaded, "Hello")
    opening = page.run(READ)
    assert opening == [said(step) for step in lesson_of(loaded, "Hello")]
    for typed in ("To be or not to be", "owl"):
        type_source(page, typed, typed.replace(" ", "␣") + "⏎")
        page.run("() => window.dispatchEvent(new Event('beforeprint'))")
        for lines, step in zip(page.run(READ), lesson_of(loaded, typed), strict=True):
            wanted = said(step)
            assert len(lines) == len(wanted), (step.title, lines, wanted)
            for one, other in zip(lines, wanted, strict=True):
                assert_same(one, other)
    type_source(page, "Hello", "Hello⏎")
    page.run("() => window.dispatchEvent(new Event('beforeprint'))")
    assert page.run(READ) == opening


def test_by_key_and_by_address_with_the_alignment_beside_it(opened: Callable[..., Any]) -> None:
    loaded = random_translator(*KINDS["qwen3"])
    page = opened_lesson(opened, loaded, "Hello")
    here = page.page.locator("#lesson-here")
    page.page.focus("#typed input")
    page.page.keyboard.press("n")  # a letter of the source
    assert here.inner_text() == "Step 1 of 10: Two texts"
    type_source(page, "owls", "owls⏎")
    page.page.focus("#lesson-next")
    page.page.keyboard.press("n")
    page.page.keyboard.press("n")
    page.page.keyboard.press("b")
    assert here.inner_text() == "Step 2 of 10: The encoder reads the source"
    go_to(page, 7)
    assert here.inner_text() == "Step 7 of 10: The alignment"
    canvas = page.page.locator(".lesson-map canvas")
    written = len(page.run("() => attn.target()"))
    assert canvas.evaluate("map => [map.width, map.height]") == [5, written]
    picture = page.page.locator(".lesson-step:not([hidden]) .lesson-picture")
    assert "of the source" in picture.inner_text()
    page.page.locator("#step-7").get_by_role("table").wait_for()
