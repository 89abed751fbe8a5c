"""The lesson follows what is typed: it says of it what Python's lesson says, part for part."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from attn_cli.inspection.lesson.blocks import Formula, LessonStep, Maps, Part, SideBySide, Table
from attn_cli.inspection.lesson.build import lesson_on
from attn_cli.inspection.lesson.declared import OfThisText
from attn_cli.runs.loaded_model import LoadedModel
from attn_cli.text.tokenizer import printable_tokenizer
from tests.browser.conftest import contents, encoded
from tests.inspection.test_lesson import a_model

pytestmark = pytest.mark.browser

NUMBER = re.compile(r"-?\d+\.\d+(?:e-\d+)?")

# What the page shows of each step, in the form of `shown`.
READ = """() => Array.from(document.querySelectorAll(".lesson-step"), (step) =>
    Array.from(step.querySelectorAll(":scope > :not(h3, figure)")).flatMap((part) => {
        const table = (box) => {
            const texts = (row) => Array.from(row.children, (cell) => cell.textContent.trim());
            const rows = Array.from(box.querySelectorAll("tr"), texts);
            return [box.querySelector("caption").textContent, ...rows.map((row) => row.join("|"))];
        };
        if (part.matches(".note")) return ["(of the first text)"];
        if (part.matches(".columns")) return Array.from(part.children).flatMap(table);
        return part.matches(".scroll:not(pre)") ? table(part) : part.textContent.split("\\n");
    }))"""


def shown(part: Part) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, Formula):
        yield from part.lines
    elif isinstance(part, Table):
        yield part.caption
        yield "|".join(("", *map(str.strip, part.columns)))
        yield from ("|".join(map(str.strip, (name, *cells))) for name, cells in part.rows)
    elif isinstance(part, SideBySide):
        yield from (*shown(part.left), *shown(part.right))
    else:
        assert isinstance(part, Maps)  # of the terminal: the page draws its own


def said(step: LessonStep) -> list[str]:
    """What Python says, without what belongs to one text alone."""
    lines: list[str] = []
    for part, source in zip(step.parts, step.sources, strict=True):
        if not isinstance(step.plan[source], OfThisText):
            lines += shown(part)
        elif lines[-1:] != ["(of the first text)"]:
            lines.append("(of the first text)")
    return lines


def assert_same(page: str, python: str) -> None:
    """Equal but for a unit of a number's last digit, or 2e-5: what 32 bits leave open."""
    assert NUMBER.sub("#", page) == NUMBER.sub("#", python)
    for one, other in zip(NUMBER.findall(page), NUMBER.findall(python), strict=True):
        unit = 10.0 ** -len(other.partition(".")[2].partition("e")[0])
        scale = 10.0 ** int(other.partition("e")[2] or 0)
        tolerance = max(1.01 * unit * scale, 2e-5 * max(1.0, abs(float(other))) * scale)
        assert abs(float(one) - float(other)) <= tolerance, (page, python)


def go_to(page: Any, number: int) -> None:
    page.run("number => { location.hash = `step-${number}` }", number)
    page.page.wait_for_selector(f"#step-{number}")


def lesson_of(loaded: LoadedModel, text: str) -> tuple[tuple[int, ...], list[LessonStep]]:
    return lesson_on(loaded, encoded(loaded, text), layer=loaded.model.config.n_layer - 1, head=1)


@pytest.mark.parametrize(
    "kind",
    ["gpt2", "qwen3", "gpt2 with rope", "sinusoidal", "narrow", "none", "n-grams", "encoder"],
)
def test_the_lesson_is_that_of_the_typed_text(kind: str, opened: Callable[..., Any]) -> None:
    loaded = a_model(kind, printable_tokenizer(), 20.0)
    last = loaded.model.config.n_layer - 1
    ids, steps = lesson_of(loaded, "Hello")
    text = loaded.tokenizer.decode(ids) if loaded.tokenizer.mask_id is None else "He_lo"
    page = opened(contents(loaded, text, lesson=steps, layer=last, head=1))
    opening = page.run(READ)
    for lines, step in zip(opening, steps, strict=True):
        if not any(isinstance(part, OfThisText) for part in step.plan):
            assert lines == said(step)
    for typed in ("to be or not to ", "aabb", "ab cd efg", "Hxllo"):
        expected = lesson_of(loaded, typed)[1]
        page.type(typed)
        page.run("() => window.dispatchEvent(new Event('beforeprint'))")
        for lines, step in zip(page.run(READ), expected, strict=True):
            wanted = said(step)
            assert len(lines) == len(wanted), (step.title, lines, wanted)
            for one, other in zip(lines, wanted, strict=True):
                assert_same(one, other)
    page.page.click("#first-text")
    page.run("() => window.dispatchEvent(new Event('beforeprint'))")
    assert page.run(READ) == opening


def test_a_text_of_one_character_has_no_step_on_its_loss(opened: Callable[..., Any]) -> None:
    loaded = a_model("gpt2", printable_tokenizer(), 20.0)
    steps = lesson_on(loaded, encoded(loaded, "Hello"))[1]
    page = opened(contents(loaded, "Hello", lesson=steps))
    go_to(page, len(steps))
    page.type("x")
    assert page.page.inner_text("#lesson-here").startswith(f"Step {len(steps) - 1} of")
    assert page.page.inner_text(".lesson-way .shape >> nth=0") == "(1)"
    page.page.click("#lesson-next", force=True)
    assert page.page.inner_text("#lesson-here").startswith(f"Step {len(steps) - 1} of")


def test_what_cannot_follow_says_so_and_leads_back(opened: Callable[..., Any]) -> None:
    loaded = a_model("encoder", printable_tokenizer(), 20.0)
    steps = lesson_on(loaded, encoded(loaded, "Hello"))[1]
    title = "Context-aware embeddings"
    number = next(i for i, step in enumerate(steps, start=1) if step.title == title)
    page = opened(contents(loaded, "He_lo", lesson=steps))
    go_to(page, number)
    step = page.page.locator(f"#step-{number}")
    before = step.inner_text()
    page.type("other")
    assert "belongs to the text that the page opened with" in step.inner_text()
    assert step.locator("table").count() == 0
    step.locator("button").click()
    assert step.inner_text() == before


def test_beside_the_step_stands_the_map_or_the_bars_of_the_typed_text(
    opened: Callable[..., Any],
) -> None:
    loaded = a_model("gpt2", printable_tokenizer(), 20.0)
    steps = lesson_on(loaded, encoded(loaded, "Hello"))[1]
    numbers = {step.title: number for number, step in enumerate(steps, start=1)}
    page = opened(contents(loaded, "Hello", lesson=steps))
    for typed in ("Hello", "other texts"):
        page.type(typed)
        python = lesson_on(loaded, encoded(loaded, typed))[1]
        go_to(page, numbers["Softmax, by hand"])
        picture = page.page.locator(".lesson-step:not([hidden]) .lesson-picture")
        last = f"‘{typed[-1]}’ at position {len(typed) - 1}"
        assert f"the row of {last}" in picture.inner_text()
        assert page.run("() => document.querySelector('.lesson-map canvas').width") == len(typed)
        go_to(page, numbers["Probabilities"])
        (table,) = [
            part
            for step, parts in ((step, step.parts) for step in python)
            for part in parts
            if step.title == "Probabilities" and isinstance(part, Table)
        ]
        symbols = [name for name, _ in table.rows[:-1]]
        assert picture.locator(".symbol").all_inner_texts() == symbols
    go_to(page, numbers["Feed-forward"])
    assert picture.count() == 0
