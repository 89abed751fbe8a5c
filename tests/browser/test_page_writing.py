"""Writing in the page: the text beside the button, and each character of it to look into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.sampling import probabilities
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import LoadedModel, TrainedModel
from attn_cli.text.tokenizer import corpus_tokenizer
from tests.browser.conftest import contents, encoded, random_model, torch_logits
from tests.conftest import Trained

pytestmark = pytest.mark.browser

OPTIONS = "#drawn-text [role=option]"
SMALL = ("model.n_layer=2", "model.n_embd=24", "model.n_head=3", "model.block_size=16")
IN_VIEW = """selector => {
    const { top, bottom } = document.querySelector(selector).getBoundingClientRect();
    return top >= 0 && bottom <= window.innerHeight;
}"""
# Characters whose signs on the page are themselves.
LETTERS = "The fox met owl.\n"
FOCUSED = "() => document.activeElement.closest('[id]')?.id"


@pytest.fixture(scope="module")
def tiny(trained: Trained) -> TrainedModel:
    return load_model(trained.run.path)


def lettered() -> LoadedModel:
    tokenizer = corpus_tokenizer(LETTERS)
    return random_model(*SMALL[:3], "model.block_size=64", tokenizer=tokenizer)


def write(page: Any, count: int) -> None:
    from playwright.sync_api import expect

    page.page.fill("#how-many", str(count))
    page.page.click("#write")
    expect(page.page.locator("#write-note")).to_contain_text("Wrote")


def written(page: Any) -> str:
    """What stands in the written characters, as text."""
    symbols: list[str] = page.page.locator(OPTIONS).all_text_contents()
    return "".join("\n" if symbol == "⏎\n" else symbol for symbol in symbols)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_what_is_written_can_be_seen_where_the_button_is(
    width: int, height: int, opened: Callable[..., Any]
) -> None:
    # The map above grows with the text, from 7 to 47 characters.
    page = opened(contents(lettered(), "The fox"), width=width)
    page.page.set_viewport_size({"width": width, "height": height})
    write(page, 40)
    assert page.page.locator(OPTIONS).count() == 40
    assert page.run(IN_VIEW, "#write")
    assert page.run(IN_VIEW, "#drawn-text")
    assert "The fox" + written(page) == page.page.input_value("#typed")


def test_a_written_character_is_chosen_by_keyboard_and_leads_to_the_map_and_back(
    opened: Callable[..., Any],
) -> None:
    page = opened(contents(lettered(), "The fox"))
    write(page, 20)
    text = page.page.input_value("#typed")
    page.page.locator(OPTIONS).last.focus()
    page.page.keyboard.press("ArrowLeft")
    assert page.run("() => attn.chosen().query") == 25
    page.page.keyboard.press("Home")
    assert page.run("() => attn.chosen().query") == 7
    assert " at 7 gives " in page.page.inner_text("#map-readout")
    assert " at 7: " in page.page.inner_text("#drawn-caption")
    page.page.focus("#to-map")
    page.page.keyboard.press("Enter")
    assert page.run(FOCUSED) == "map-grid"
    assert page.run(IN_VIEW, "#map-title")
    page.page.focus("#to-drawn")
    page.page.keyboard.press("Enter")
    assert page.run(FOCUSED) == "drawn-text"
    assert page.run(IN_VIEW, "#drawn-text")
    assert page.page.input_value("#typed") == text
    # What is chosen elsewhere is marked where it was written.
    page.page.locator("#surprisal-strip [role=option]").nth(9).click()
    assert page.page.locator(OPTIONS).nth(2).get_attribute("aria-selected") == "true"


def test_a_character_tells_how_it_was_drawn(opened: Callable[..., Any]) -> None:
    loaded = lettered()
    page = opened(contents(loaded, "The fox"))
    page.page.fill("#temperature", "0.5")
    page.page.fill("#top-k", "3")
    write(page, 8)
    page.page.fill("#temperature", "1")  # does not change what was
    page.page.fill("#top-k", page.page.get_attribute("#top-k", "max"))
    page.page.locator(OPTIONS).nth(4).click()
    text = page.page.input_value("#typed")
    logits = torch_logits(loaded, list(encoded(loaded, text[:11])))[-1]
    config = GenerationConfig(temperature=0.5, top_k=3)
    drawn = probabilities(logits.numpy()[None], config)[0]
    own = torch.softmax(logits.double(), -1).numpy()
    id_ = encoded(loaded, text)[11]
    how = page.page.inner_text("#drawn-how")
    assert "after 11 characters in sight, with temperature 0.50, top-k 3." in how
    assert f"{-np.log2(own[id_]):.2f} bits" in how
    shown = page.page.locator("#drawn-probs .percent").all_inner_texts()
    symbols = page.page.locator("#drawn-probs .symbol").all_inner_texts()
    expected = [symbol for symbol in np.argsort(-own) if own[symbol] >= 0.001][:6]
    assert len(symbols) == len(expected)
    for symbol, share in zip(symbols, shown, strict=True):
        character = symbol.replace("␣", " ").replace("⏎", "\n")
        wanted = 100 * drawn[loaded.tokenizer.encode(character, unknown="error")[0]]
        assert float(share.strip("<%")) == pytest.approx(wanted, abs=0.51)


def test_a_text_longer_than_the_context(opened: Callable[..., Any]) -> None:
    loaded = random_model(*SMALL)
    page = opened(contents(loaded, "The fox"))
    write(page, 60)
    assert "it still sees the last 16" in page.page.inner_text("#drawn-sight")
    assert page.page.locator("#drawn-text .forgotten").count() == 44
    page.page.locator(OPTIONS).nth(30).click()
    assert "no longer in sight" in page.page.inner_text("#drawn-caption")
    assert page.page.locator("#to-map").is_hidden()
    assert page.run("() => attn.chosen().query") == 15
    page.page.locator(OPTIONS).nth(50).click()
    assert page.run("() => attn.chosen().query") == 6
    assert page.page.locator("#to-map").is_visible()


def test_writing_on_keeps_what_was_written_and_typing_drops_it(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, "The fox"))
    write(page, 5)
    page.page.click("#write-one")
    page.page.wait_for_function("() => attn.ids().length === 13")
    assert "The fox" + written(page) == page.page.input_value("#typed")
    page.type("The owl")
    assert page.page.locator(OPTIONS).count() == 0
    assert page.page.locator("#drawn-empty").is_visible()


def test_escape_stops_and_what_was_written_stays(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    from playwright.sync_api import expect

    page = opened(contents(tiny, "The fox"))
    page.page.fill("#how-many", "100000")
    page.page.click("#write")
    expect(page.page.locator(OPTIONS).nth(200)).to_be_attached()  # while it writes
    assert page.page.inner_text("#write") == "Stop"
    page.page.keyboard.press("Escape")
    expect(page.page.locator("#write-note")).to_contain_text("Wrote")
    assert page.page.inner_text("#write") == "Write"
    assert 200 < page.run("() => attn.ids().length") < 100_000
    assert page.page.input_value("#typed").endswith(written(page)[-100:])


def test_a_model_of_lines_stops_at_the_end_of_one(opened: Callable[..., Any]) -> None:
    tokenizer = corpus_tokenizer("\nab")
    loaded = random_model(*SMALL, "data.records=lines", tokenizer=tokenizer)
    page = opened(contents(loaded, "ab"))
    write(page, 1000)
    assert "to the end of the line" in page.page.inner_text("#write-note")
    assert written(page).index("\n") == len(written(page)) - 1


def test_nothing_typed_is_written_on(tiny: TrainedModel, opened: Callable[..., Any]) -> None:
    page = opened(contents(tiny, "The fox"))
    page.type("", shown="⏎")
    write(page, 10)
    assert page.page.locator(OPTIONS).count() == 10
    page.page.locator(OPTIONS).first.click()
    assert "after 1 character in sight" in page.page.inner_text("#drawn-how")


def test_filled_blanks_can_be_chosen(opened: Callable[..., Any]) -> None:
    loaded = random_model(*SMALL, "task=mlm", "model.block_size=32")
    page = opened(contents(loaded, "The f_x met t_e"))
    page.page.click("#fill-all")
    page.page.wait_for_function("() => document.querySelectorAll('#drawn-text span').length === 2")
    assert page.page.text_content("#drawn-text") == page.page.input_value("#typed")
    page.page.locator(OPTIONS).first.focus()
    page.page.keyboard.press("ArrowRight")
    assert page.run("() => attn.chosen().query") == 13
    assert " at 13: " in page.page.inner_text("#drawn-caption")
    assert page.page.locator("#drawn-probs .marked").count() == 1
