"""The page in use: keys, views, hostile texts, and nothing loaded from anywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.inspection.history import snapshots
from attn_cli.inspection.lesson.blocks import Formula, LessonStep, SideBySide, Table
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.text.tokenizer import corpus_tokenizer
from tests.browser.conftest import contents, random_model
from tests.conftest import Trained

pytestmark = pytest.mark.browser

SMALL = ("model.n_layer=2", "model.n_embd=24", "model.n_head=3", "model.block_size=64")
HOSTILE = (
    "<script>window.broken = 1</script>",
    "</script><img src=x onerror='window.broken = 1'>",
    "\"'`&amp;<!--]]>{{ 7 * 7 }}${1}\\u003c",
    "‮override \u2028 é 😀 ​ <b>bold</b>",
)


@pytest.fixture(scope="module")
def tiny(trained: Trained) -> TrainedModel:
    return load_model(trained.run.path)


def chosen(page: Any) -> tuple[int, int, int, int]:
    at = page.run("() => attn.chosen()")
    return at["layer"], at["head"], at["query"], at["key"]


def test_the_map_by_keyboard(tiny: TrainedModel, opened: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    page = opened(contents(tiny, "The fox met"))
    keys, focused = page.page.keyboard, page.page.locator("#map-grid [role=gridcell]:focus")
    assert page.page.locator("#map-grid [tabindex='0']").count() == 1
    page.page.locator("#map-grid [tabindex='0']").focus()
    keys.press("Control+End")
    assert chosen(page) == (0, 0, 10, 10)
    keys.press("ArrowUp")
    assert chosen(page) == (0, 0, 9, 9)  # a key is never after its query
    keys.press("ArrowLeft")
    keys.press("ArrowLeft")
    assert chosen(page) == (0, 0, 9, 7)
    keys.press("ArrowDown")
    assert chosen(page) == (0, 0, 10, 7)
    keys.press("]")
    # Of another head the key that it gives the most to.
    strongest = forward_pass(tiny.model, tiny.encode_prompt("The fox met")).attention.argmax(-1)
    assert chosen(page) == (0, 1, 10, strongest[0, 1, 10])
    keys.press("PageDown")
    assert chosen(page) == (1, 1, 10, strongest[1, 1, 10])
    keys.press("[")
    keys.press("[")
    assert chosen(page) == (0, 2, 10, strongest[0, 2, 10])  # over the end of a layer
    keys.press("PageUp")
    assert chosen(page) == (0, 2, 10, strongest[0, 2, 10])
    keys.press("Home")
    assert chosen(page) == (0, 2, 10, 0)
    expect(focused).to_have_count(1)
    readout = page.page.locator("#map-readout")
    expect(readout).to_have_attribute("aria-live", "polite")
    expect(readout).to_contain_text("of its attention to ‘T’ at 0")
    assert focused.get_attribute("aria-label") in readout.inner_text()
    grid = page.page.locator("#map-grid")
    assert grid.get_attribute("aria-rowcount") == grid.get_attribute("aria-colcount") == "11"


def test_the_other_parts_by_keyboard(tiny: TrainedModel, opened: Callable[..., Any]) -> None:
    page = opened(contents(tiny, "The fox met"))
    keys = page.page.keyboard
    page.page.locator("#surprisal-strip [tabindex='0']").focus()
    keys.press("Home")
    assert chosen(page)[2] == 0
    keys.press("ArrowRight")
    assert "‘h’ at 1:" in page.page.inner_text("#surprisal-readout")
    page.page.locator("#thumbnails [tabindex='0']").focus()
    keys.press("ArrowDown")
    keys.press("ArrowRight")
    assert chosen(page)[:2] == (1, 1)
    page.page.locator("#lens-grid [tabindex='0']").focus()
    keys.press("End")
    assert chosen(page)[2] == 10
    keys.press("ArrowDown")
    assert "layer 1 predicts" in page.page.inner_text("#lens-readout")
    page.page.locator("#row-strip [tabindex='0']").focus()
    keys.press("Home")
    assert chosen(page)[3] == 0
    page.page.locator("[name=view][value=map]").focus()
    keys.press("ArrowRight")
    page.page.locator("#lines [role=slider]").focus()
    keys.press("ArrowLeft")
    assert chosen(page)[2] == 9
    assert "‘e’ at 9 looks at" in page.page.get_attribute("#lines canvas", "aria-valuetext")


def test_help_opens_and_closes_but_not_while_typing(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    from playwright.sync_api import expect

    page = opened(contents(tiny, "The fox"))
    dialog = page.page.locator("#help")
    page.page.keyboard.press("?")
    expect(dialog).to_be_visible()
    page.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.page.focus("#typed")
    page.page.keyboard.press("End")
    page.page.keyboard.type("?[")
    expect(dialog).to_be_hidden()
    assert page.page.input_value("#typed") == "The fox?["
    assert chosen(page)[:2] == (0, 0)


def test_every_control_has_a_name_and_can_be_reached(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(
        contents(
            tiny,
            "The fox",
            snapshots=list(snapshots(tiny.folder, tiny.encode_prompt("The fox"), pytest.fail)),
        )
    )
    reached = set()
    for _ in range(80):
        page.page.keyboard.press("Tab")
        here = page.run(
            "() => [document.activeElement.closest('section, header, dialog')?.id ?? '',"
            " document.activeElement.getAttribute('aria-label') ||"
            " document.activeElement.getAttribute('aria-labelledby') ||"
            " document.activeElement.labels?.[0]?.innerText || document.activeElement.innerText]"
        )
        assert here[1] or here[0] == "", here
        reached.add(here[0])
    assert reached >= {"text", "attention", "row", "next", "lens", "ablation", "history"}


def test_three_views_of_one_head(tiny: TrainedModel, opened: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    page = opened(contents(tiny, "The fox"))
    page.page.click("text=Table")
    expect(page.page.locator("#map")).to_be_hidden()
    rows = page.page.locator("#weights-table tbody tr")
    assert rows.count() == 7
    weights = page.run("() => attn.attention()")[0][0]
    shown = rows.nth(6).locator("td").all_inner_texts()
    for text, weight in zip(shown, weights[6], strict=True):
        assert float(text or 0) == pytest.approx(weight, abs=0.0051)
    page.page.click("text=Lines")
    expect(page.page.locator("#lines canvas")).to_be_visible()


def test_the_arithmetic_adds_up(tiny: TrainedModel, opened: Callable[..., Any]) -> None:
    page = opened(contents(tiny, "The fox met"))
    page.page.click("text=Show all 11 keys")

    def numbers(selector: str) -> list[list[float]]:
        rows = page.page.locator(selector).all()
        return [
            [float(text.replace("−", "-")) for text in row.locator("td").all_inner_texts() if text]
            for row in rows
        ]

    q, k, products = numbers("#row-steps .vectors >> nth=0 >> tbody tr")
    assert products[-1] == pytest.approx(sum(products[:-1]), abs=0.005)
    assert products[:-1] == pytest.approx([a * b for a, b in zip(q, k, strict=True)], abs=0.01)
    scores = numbers("#row-steps .scores tbody tr")
    weights = page.run("() => attn.attention()")[0][0][10]
    assert [row[-1] for row in scores] == pytest.approx(weights, abs=6e-4)
    assert all(row[1] == pytest.approx(row[0] / 8**0.5, abs=2e-3) for row in scores)
    *parts, mixed = numbers("#row-steps .vectors >> nth=1 >> tbody tr")
    total = [sum(column) for column in zip(*parts, strict=True)]
    assert mixed == pytest.approx(total, abs=0.01)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_shown_and_not_run(text: str, opened: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    loaded = random_model(*SMALL, tokenizer=corpus_tokenizer("".join(HOSTILE)))
    table = Table(text, (text,), ((text, (text,)),))
    lesson = (LessonStep(text, (text, Formula((text,)), table, SideBySide(table, table))),)
    page = opened(contents(loaded, text, title=text, lesson=lesson))
    assert page.page.input_value("#typed") == text
    assert page.page.text_content("h1") == text
    assert page.page.text_content("#lesson article p") == text
    assert page.page.text_content("#lesson caption >> nth=0") == text
    page.page.fill("#typed", text + text[:3])
    characters = page.page.locator("#surprisal-strip [role=option]")
    expect(characters).to_have_count(len(text) + 3)
    assert page.run("() => window.broken") is None
    # The two pieces of data and the page's own script, and nothing more.
    assert page.page.locator("script, img").count() == 3


def test_what_the_model_does_not_know_is_named_and_not_run(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox"))
    page.type("fé<b>ox😀", shown="f<b>ox")
    assert "‘é’ (character 2), ‘😀’ (character 8)" in page.page.inner_text("#typed-note")
    assert page.page.get_attribute("#typed-warning", "aria-live") == "polite"


def test_nothing_can_be_loaded(tiny: TrainedModel, opened: Callable[..., Any]) -> None:
    page = opened(contents(tiny, "The fox"))
    failed = page.run("() => fetch('http://localhost:9/').then(() => 'loaded', () => 'refused')")
    assert failed == "refused"
    assert page.errors
    assert all("Content Security Policy" in error for error in page.errors)
    page.errors.clear()
