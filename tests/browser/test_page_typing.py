"""Typing while other things go on: the pointer, writing, what is read aloud, and the focus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attn_cli.inspection.history import snapshots
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import TrainedModel
from tests.browser.conftest import contents
from tests.conftest import Trained

pytestmark = pytest.mark.browser

# A timer that begins after the page's own, and is longer, ends after it on any machine.
AFTER_THE_PAUSE = "() => new Promise((done) => setTimeout(done, 200))"

# What is put into each part that may be read aloud, while it may be.
LISTEN = """() => {
    window.heard = [];
    for (const part of document.querySelectorAll("[aria-live], [role=status]")) {
        new MutationObserver(() => {
            const live = part.closest("[aria-live]").getAttribute("aria-live");
            if (live !== "off" && part.textContent) window.heard.push([part.id, part.textContent]);
        }).observe(part, { childList: true, characterData: true, subtree: true });
    }
}"""
FOCUSED = "() => document.activeElement.id || document.activeElement.parentElement.id"


@pytest.fixture(scope="module")
def tiny(trained: Trained) -> TrainedModel:
    return load_model(trained.run.path)


def test_a_text_may_change_while_the_pointer_rests_on_the_map(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox met the"))
    size = page.run("() => parseFloat(document.querySelector('#map-cells').style.width)") / 15
    # A pointer of the test's own: the real one leaves the map when the page scrolls.
    page.run(
        """([x, y]) => {
            const grid = document.querySelector("#map-grid"), at = grid.getBoundingClientRect();
            const place = { clientX: at.left + x, clientY: at.top + y, bubbles: true };
            grid.dispatchEvent(new PointerEvent("pointermove", place));
        }""",
        [6.5 * size, 13.5 * size],
    )
    assert page.page.locator(".map-hover").is_visible()
    page.page.focus("#typed")
    page.page.keyboard.press("Control+A")
    page.page.keyboard.type("ab")
    page.page.wait_for_function("() => attn.ids().length === 2")
    # What is drawn last is drawn too.
    page.page.wait_for_function("() => document.querySelectorAll('#lens-grid td').length === 6")
    assert "‘b’ at 1" in page.page.inner_text("#map-readout")
    assert page.page.inner_text("#row-title").endswith("b at 1")
    assert page.page.locator(".map-hover").is_hidden()


def test_the_keyboard_is_answered_while_the_pointer_rests_on_the_map(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox met the"))
    page.page.click("#map-grid", position={"x": 5, "y": 250})
    page.page.keyboard.press("Control+Home")
    assert "‘T’ at 0 gives 100%" in page.page.inner_text("#map-readout")


def test_what_was_just_typed_is_what_is_written_on(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox"))
    page.run(
        """() => {
            const typed = document.querySelector("#typed");
            typed.value += " met";
            typed.dispatchEvent(new Event("input"));
            document.querySelector("#write-one").click();
        }"""
    )
    page.page.wait_for_function("() => attn.ids().length === 12")
    assert page.page.input_value("#typed").startswith("The fox met")
    page.run(AFTER_THE_PAUSE)
    assert len(page.page.input_value("#typed")) == 12


def test_writing_continues_after_typing(tiny: TrainedModel, opened: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    page = opened(contents(tiny, "The fox"))
    page.page.fill("#how-many", "20000")
    page.run(
        """() => {
            document.querySelector("#typed").dispatchEvent(new Event("input"));
            document.querySelector("#write").click();
        }"""
    )
    # Far longer than the pause after which what was typed is read.
    page.run(
        """() => new Promise((done) => {
            const typed = document.querySelector("#typed");
            const button = document.querySelector("#write");
            const look = () => typed.value.length > 4000 || button.textContent === "Write"
                ? done() : requestAnimationFrame(look);
            look();
        })"""
    )
    assert page.page.inner_text("#write") == "Stop"
    page.page.click("#write")
    expect(page.page.locator("#write-note")).to_contain_text("Wrote")


def test_going_back_forgets_what_was_being_typed(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    seen = list(snapshots(tiny.folder, tiny.encode_prompt("The fox"), pytest.fail))
    page = opened(contents(tiny, "The fox", snapshots=seen))
    page.type("The owl")
    page.run(
        """() => {
            document.querySelector("#typed").value = "lost";
            document.querySelector("#typed").dispatchEvent(new Event("input"));
            document.querySelector("#history-back").click();
        }"""
    )
    page.run(AFTER_THE_PAUSE)
    assert page.page.input_value("#typed") == "The fox"
    assert page.run("() => attn.ids()") == list(tiny.encode_prompt("The fox"))


def test_another_theme_leaves_what_is_being_typed(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox"))
    page.run(
        """() => {
            document.querySelector("#typed").value = "The owl";
            document.querySelector("#typed").dispatchEvent(new Event("input"));
            document.querySelector("#theme-button").click();
        }"""
    )
    page.page.wait_for_function("ids => String(attn.ids()) === ids", arg=as_js(tiny, "The owl"))


def as_js(tiny: TrainedModel, text: str) -> str:
    return ",".join(map(str, tiny.encode_prompt(text)))


def test_typing_reads_aloud_only_what_the_model_does_not_see(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox met the"))
    page.page.focus("#typed")
    page.page.keyboard.press("End")
    page.run(LISTEN)
    for character in "aé owl":  # from 15 characters over the limit of 16
        page.page.keyboard.type(character)
        page.run(AFTER_THE_PAUSE)
    told = [text for _, text in page.run("() => window.heard")]
    assert len(told) == 2, told
    assert told[0] == "Left out, unknown to the model: ‘é’ (character 17)."
    assert "the model sees the last 16." in told[1]


def test_without_heads_is_said_once(tiny: TrainedModel, opened: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    page = opened(contents(tiny, "The fox"))
    page.page.focus("#ablate-all")
    page.run(LISTEN)
    page.page.keyboard.press("Enter")
    expect(page.page.locator("#ablation-note")).to_contain_text("6 of 6 heads")
    told = [text for part, text in page.run("() => window.heard") if part == "ablation-note"]
    assert len(told) == 1
    # The button is gone, and the focus is where the answer stands.
    assert page.run(FOCUSED) == "ablation-grid"


def test_nothing_is_read_aloud_from_other_parts(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox"))
    page.page.focus("#write-one")
    page.run(LISTEN)
    page.page.keyboard.press("Enter")
    page.page.wait_for_function("() => attn.ids().length === 8")
    assert {part for part, _ in page.run("() => window.heard")} == {"next-caption", "write-note"}


def test_the_focus_stays_in_the_row(tiny: TrainedModel, opened: Callable[..., Any]) -> None:
    page = opened(contents(tiny, "The fox met"))
    keys = page.page.keyboard
    page.page.click("#row-strip [role=option] >> nth=3")
    assert page.run(FOCUSED) == "row-strip"
    for key, wanted in (("PageDown", (1, 0)), ("]", (1, 1)), ("PageUp", (0, 1)), ("[", (0, 0))):
        keys.press(key)
        at = page.run("() => attn.chosen()")
        assert (at["layer"], at["head"]) == wanted
        assert page.run(FOCUSED) == "row-strip"
    keys.press("Home")
    keys.press("ArrowRight")
    assert page.run("() => attn.chosen().key") == 1
    for _ in range(10):
        keys.press("ArrowRight")
    at = page.run("() => attn.chosen()")
    assert (at["query"], at["key"]) == (10, 10)
    page.page.focus("#toggle-keys")
    for key in ("]", "PageDown", "Enter", "]"):
        keys.press(key)
        assert page.run(FOCUSED) == "toggle-keys"


def test_arrows_lead_beyond_the_character_that_asks(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox met"))
    page.page.click("#surprisal-strip [role=option] >> nth=2")
    page.page.click("#row-strip [role=option] >> nth=2")
    for place in (3, 4, 5):
        page.page.keyboard.press("ArrowRight")
        at = page.run("() => attn.chosen()")
        assert (at["query"], at["key"]) == (place, place)
        assert page.run(FOCUSED) == "row-strip"


def test_the_way_back_leaves_the_focus_in_the_text(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox"))
    page.type("The owl")
    page.page.focus("#first-text")
    page.page.keyboard.press("Enter")
    assert page.run(FOCUSED) == "surprisal-strip"


@pytest.mark.parametrize("held", [{"altKey": True}, {}])
def test_signs_count_however_a_keyboard_makes_them(
    held: dict[str, bool], tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox"))
    press = """(held) => document.body.dispatchEvent(
        new KeyboardEvent("keydown", { bubbles: true, ...held }))"""
    page.run(press, {"key": "]", **held})
    assert page.run("() => attn.chosen().head") == 1
    altgr = {"ctrlKey": True, "altKey": True, "modifierAltGraph": True}
    page.run(press, {"key": "]", **altgr})
    assert page.run("() => attn.chosen().head") == 2
    for command in ({"ctrlKey": True}, {"metaKey": True}):
        page.run(press, {"key": "[", **command, **held})
    assert page.run("() => attn.chosen().head") == 2
    page.run(press, {"key": "?", **held})
    assert page.page.locator("#help").is_visible()
