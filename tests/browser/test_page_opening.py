"""What a page shows first: a sentence, the stages of the model, the most telling head."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attn_cli.inspection.ablation import ablate_heads
from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.inspection.history import snapshots
from attn_cli.inspection.lesson.blocks import LessonStep
from attn_cli.inspection.page.build import PageContents
from attn_cli.inspection.page.translation import translation_page
from attn_cli.inspection.telling_head import most_telling
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import TrainedModel
from tests.browser.conftest import PICTURES, contents, random_model
from tests.conftest import Outcome, Trained

pytestmark = pytest.mark.browser

TEXT = "The fox met"
WINDOW = {"width": 1280, "height": 800}
# The lower edges of parts of the page, in CSS pixels from the top of the window.
LOWER_EDGES = """(selectors) => selectors.map(
    (one) => document.querySelector(one).getBoundingClientRect().bottom
)"""
CURRENT = """() => Array.from(
    document.querySelectorAll("#stages [aria-current]"), (link) => link.hash
)"""


@pytest.fixture(scope="module")
def tiny(trained: Trained) -> TrainedModel:
    return load_model(trained.run.path)


def complete(tiny: TrainedModel, text: str = TEXT) -> PageContents:
    """A page with all of its sections."""
    ids = tiny.encode_prompt(text)
    past = list(snapshots(tiny.folder, ids, pytest.fail))
    return contents(tiny, text, ablations=ablate_heads(tiny.model, ids), snapshots=past)


def test_the_first_screen_has_the_sentence_the_stages_and_the_map(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    twenty = random_model("model.n_layer=3", "model.n_head=4", "model.n_embd=24")
    for loaded, text in ((tiny, TEXT), (twenty, "The owl met the fox.")):
        page = opened(contents(loaded, text), **WINDOW)
        parts = [".opening", "#stages", "#typed", "#surprisal-strip", "#map"]
        assert max(page.run(LOWER_EDGES, parts)) <= WINDOW["height"]
        parameters = f"{loaded.model.parameter_count():,} parameters"
        assert parameters in page.page.inner_text(".opening")
        assert "next character" in page.page.inner_text(".opening")


def test_the_first_screen_of_an_encoder_and_of_an_encoder_decoder(
    trained_translator: Trained, opened: Callable[..., Any]
) -> None:
    encoder = random_model("task=mlm", "model.n_layer=2", "model.n_head=3", "model.n_embd=24")
    page = opened(contents(encoder, "The f_x met"), **WINDOW)
    assert max(page.run(LOWER_EDGES, [".opening", "#stages", "#map"])) <= WINDOW["height"]
    assert "missing from a text" in page.page.inner_text(".opening")
    translator = load_model(trained_translator.run.path)
    html = translation_page(translator, translator.encode_source("abcdef"), "A page").html
    page = opened(html, **WINDOW)
    parts = [".opening", "#stages", "#written", "#map"]
    assert max(page.run(LOWER_EDGES, parts)) <= WINDOW["height"]
    assert "writes a target for a source" in page.page.inner_text(".opening")


def test_a_page_to_write_with_or_to_learn_from_shows_that_first(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, TEXT, generate_first=True), **WINDOW)
    assert max(page.run(LOWER_EDGES, ["#typed", "#write"])) <= WINDOW["height"]
    lesson = (LessonStep("What comes next?", ("A language model answers one question.",)),)
    page = opened(contents(tiny, TEXT, lesson=lesson), **WINDOW)
    assert max(page.run(LOWER_EDGES, ["#typed", "#lesson"])) <= WINDOW["height"]
    assert "lesson" in page.page.inner_text(".opening")


def test_the_stages_are_links_that_mark_where_one_reads(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    from playwright.sync_api import expect

    page = opened(complete(tiny), **WINDOW)
    links = page.page.locator("#stages a")
    names = links.evaluate_all("(all) => all.map((link) => link.hash)")
    assert names[:4] == ["#text", "#embedding", "#attention", "#next"]
    assert set(names[4:]) == {"#row", "#lens", "#ablation", "#history"}
    for index, name in enumerate(names):
        links.nth(index).focus()
        page.page.keyboard.press("Enter")
        expect(links.nth(index)).to_have_attribute("aria-current", "true")
        assert page.run(CURRENT) == [name]
        # In sight, and so is the strip itself.
        expect(page.page.locator(name)).to_be_in_viewport()
        expect(page.page.locator("#stages")).to_be_in_viewport(ratio=1)
        assert page.run("() => document.activeElement.id") == name[1:]


def test_the_mark_follows_who_scrolls(tiny: TrainedModel, opened: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    page = opened(complete(tiny), **WINDOW)
    assert page.run(CURRENT) == ["#attention"]
    page.page.mouse.move(640, 700)
    for name in ("#row", "#lens", "#ablation"):
        page.run("(name) => document.querySelector(name).scrollIntoView({ block: 'start' })", name)
        expect(page.page.locator("#stages [aria-current]")).to_have_attribute("href", name)


def test_on_a_narrow_screen_the_stages_scroll_away(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    from playwright.sync_api import expect

    page = opened(complete(tiny), width=390, height=844)
    expect(page.page.locator("#stages")).to_be_in_viewport()
    page.page.locator("#lens").scroll_into_view_if_needed()
    expect(page.page.locator("#stages")).not_to_be_in_viewport()


def test_the_stages_show_the_shapes_and_the_way_of_the_chosen_character(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, TEXT, layer=1, head=2))
    said = page.page.inner_text("#stages")
    config = tiny.config.model
    assert f"{config.n_layer} layers × {config.n_head} heads" in said
    assert f"{config.n_embd} numbers each" in said
    assert "11 characters" in said
    probs = forward_pass(tiny.model, tiny.encode_prompt(TEXT))["logits"].softmax(-1)
    for t in (10, 4):
        page.page.locator("#surprisal-strip > *").nth(t).click()
        first, answer = (page.page.inner_text(f"#stages .{name}") for name in ("first", "answer"))
        best = tiny.tokenizer.symbols[int(probs[t].argmax())]
        assert (first, answer) == (TEXT[t].translate(PICTURES), best.translate(PICTURES))
    squares = page.page.locator("#stages .heads i")
    classes = squares.evaluate_all("(all) => all.map((one) => one.className)")
    assert [index for index, name in enumerate(classes) if name == "chosen"] == [3 + 2]


def test_the_command_opens_with_the_most_telling_head_and_cell(
    tiny: TrainedModel, attn: Callable[..., Outcome], opened: Callable[..., Any]
) -> None:
    weights = forward_pass(tiny.model, tiny.encode_prompt(TEXT)).attention.numpy()
    for layer in (None, 1, 2):
        of_layer = weights if layer is None else weights[layer - 1 : layer]
        told = most_telling(of_layer)
        asked = () if layer is None else ("--layer", str(layer))
        written = attn(
            "inspect-attention", TEXT, "--run", tiny.folder.path, "--html", "page.html", *asked
        )
        assert written.code == 0, written.err
        page = opened(Path("page.html").read_text(encoding="utf-8"))
        wanted = {
            "layer": (layer or told.layer) - 1,
            "head": told.head - 1,
            "query": told.query,
            "key": told.key,
        }
        assert page.run("() => attn.chosen()") == wanted
        # Another text ends where it ends; the first one is looked at as before.
        page.type("The owl")
        assert page.run("() => attn.chosen().query") == 6
        page.page.click("#first-text")
        assert page.run("() => attn.chosen()") == wanted


def test_bars_of_less_than_a_thousandth_are_counted_and_not_drawn(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(complete(tiny)).page
    for bars, rest in (
        ("#next-probs", "#next-rest"),
        ("#ablation-probs", "#ablation-rest"),
        ("#history-probs", "#history-rest"),
        ("#lens-detail > div:first-child .bars", "#lens-detail > div:first-child p >> nth=0"),
    ):
        shares = page.locator(f"{bars} .percent").all_inner_texts()
        assert shares
        others = page.locator(rest).inner_text()
        assert f"{tiny.tokenizer.vocab_size - len(shares)} others: " in others
    shares = page.locator("#next-probs .percent, #lens-detail .percent").all_inner_texts()
    assert not [share for share in shares if share.startswith("<")]


def test_the_embedding_is_that_of_the_chosen_character(
    tiny: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(tiny, TEXT)).page
    table = tiny.model.state_arrays()["token_embedding.weight"]
    for t in (10, 5):
        page.locator("#surprisal-strip > *").nth(t).click()
        row = table[tiny.tokenizer.encode(TEXT[t]).item()]
        shown = page.locator("#embedding-table tbody tr:first-child td").all_inner_texts()
        numbers = [float(text.replace("−", "-")) for text in shown if text != "…"]
        assert numbers == pytest.approx(row[: len(numbers)].tolist(), abs=6e-4)


@pytest.mark.parametrize("tied", ["true", "false"])
def test_the_lens_explains_tied_embeddings_where_they_are_tied(
    tied: str, opened: Callable[..., Any]
) -> None:
    loaded = random_model(
        "model.n_layer=2", "model.n_embd=24", "model.n_head=3", f"model.tie_embeddings={tied}"
    )
    page = opened(contents(loaded, "Hello")).page
    assert page.locator("#lens-tied").is_visible() == (tied == "true")
