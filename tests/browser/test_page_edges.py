"""Pages at the edges: no text, texts that a field cannot hold, broken models, odd settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from attn_cli.config.block_kinds import BLOCK_KINDS
from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.sampling import probabilities
from attn_cli.inspection.ablation import ablate_heads
from attn_cli.inspection.page.build import PageContents
from attn_cli.runs.loaded_model import LoadedModel
from attn_cli.text.display import printable_symbol
from attn_cli.text.tokenizer import bytes_tokenizer, corpus_tokenizer
from tests.alphabets import SENTENCES
from tests.browser.conftest import contents, random_model, torch_logits

pytestmark = pytest.mark.browser

SMALL = ("model.n_layer=2", "model.n_embd=24", "model.n_head=3", "model.block_size=20")


def test_a_page_without_a_text_says_so_and_takes_what_is_typed(
    opened: Callable[..., Any],
) -> None:
    loaded = random_model(*SMALL)
    ablations = ablate_heads(loaded.model, loaded.encode_prompt(""))
    page = opened(contents(loaded, "", ablations=ablations))
    assert page.page.input_value("#typed") == ""
    assert page.page.inner_text("#typed-note").startswith("Without a text, the model begins after")
    assert "computed in advance" in page.page.inner_text("#ablation-note")
    assert page.page.locator("#first-text").is_hidden()
    page.page.focus("#typed")
    page.page.keyboard.type("Hi")
    page.page.wait_for_function("() => attn.ids().length === 2")
    assert page.run("() => attn.ids()") == list(loaded.encode_prompt("Hi"))
    page.page.click("#first-text")
    assert page.page.input_value("#typed") == ""
    assert page.run("() => attn.ids()") == []


def test_a_text_that_a_field_cannot_hold_is_named(opened: Callable[..., Any]) -> None:
    notice = "cannot hold this text as it is"
    loaded = random_model(*SMALL)
    page = opened(contents(loaded, "a\rb"))
    assert page.run("() => attn.ids()") == list(loaded.encode_prompt("a\rb"))
    assert notice in page.page.inner_text("#typed-note")
    page.type("ab")
    assert notice not in page.page.inner_text("#typed-note")

    every_text = random_model(*SMALL, tokenizer=bytes_tokenizer())
    half = PageContents(every_text, tuple("é".encode()[:1]), (), (), "A page")
    page = opened(half)
    assert notice in page.page.inner_text("#typed-note")
    page.type("é", shown="c3a9")
    assert notice not in page.page.inner_text("#typed-note")


def test_the_page_opens_with_the_head_that_is_asked_for(opened: Callable[..., Any]) -> None:
    page = opened(contents(random_model(*SMALL), "Hello", layer=1, head=2))
    assert page.page.inner_text("#map-title") == "Layer 2, head 3"
    checked = page.page.locator("#thumbnails [aria-checked=true]")
    assert checked.get_attribute("aria-label") == "Layer 2, head 3"
    page.type("Other")
    assert page.page.inner_text("#map-title") == "Layer 2, head 3"


def test_a_model_of_no_numbers_still_shows_its_page(opened: Callable[..., Any]) -> None:
    loaded = random_model(*SMALL)
    with torch.no_grad():
        loaded.model.get_parameter("final_norm.weight")[0] = torch.nan
    page = opened(contents(loaded, "Hello"))
    assert page.page.locator("#lens-grid td").count() == 15
    page.type("Hel")
    assert page.page.locator("#lens-grid td").count() == 9
    assert "NaN" not in page.page.inner_text("body")


def of_settings(**settings: Any) -> LoadedModel:
    loaded = random_model(*SMALL)
    sample = loaded.config.sample.model_copy(update=settings)
    return replace(loaded, config=loaded.config.model_copy(update={"sample": sample}))


@pytest.mark.parametrize(
    ("temperature", "top_p", "shown"),
    [
        (0.73, 0.925, ("0.73", "0.925")),
        (0.8, None, ("0.80", "all")),
        (2.5, 0.004, ("2.50", "0.004")),
        (1.23456, 0.98765, ("1.23456", "0.98765")),
    ],
)
def test_the_controls_begin_with_the_run_s_own_settings(
    temperature: float,
    top_p: float | None,
    shown: tuple[str, str],
    opened: Callable[..., Any],
) -> None:
    loaded = of_settings(temperature=temperature, top_k=None, top_p=top_p)
    page = opened(contents(loaded, "Hello", generate_first=True))
    assert page.page.inner_text("#temperature-shown") == shown[0]
    assert page.page.inner_text("#top-p-shown") == shown[1]
    assert page.run("() => document.querySelector('#temperature').valueAsNumber") == temperature
    logits = torch_logits(loaded, list(loaded.encode_prompt("Hello")))[-1].double().numpy()
    probs = probabilities(logits, GenerationConfig(temperature=temperature, top_p=top_p))
    best = np.argsort(-logits, kind="stable")[0]
    share = page.page.locator("#next-probs .percent").first.inner_text()
    assert float(share.strip("%")) == pytest.approx(100 * probs[best], abs=0.51)


@pytest.mark.parametrize("kind", ["block", "position"])
def test_a_kind_of_model_that_the_script_does_not_know_is_refused_by_name(
    kind: str, opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attn_cli.inspection.page.build.check_supported", lambda *_: None)
    # As of a block that somebody has added: the table of kinds knows it, the script does not.
    monkeypatch.setitem(BLOCK_KINDS, "mamba", BLOCK_KINDS["gpt2"])
    loaded = random_model(*SMALL)
    loaded.model.config = loaded.model.config.model_copy(update={kind: "mamba"})
    check_refused(opened(contents(loaded, "Hello")), f"model.{kind}: mamba")


def test_a_parameter_that_the_script_does_not_use_is_refused_by_name(
    opened: Callable[..., Any],
) -> None:
    loaded = random_model(*SMALL)
    loaded.model.blocks[0].register_parameter("gain", torch.nn.Parameter(torch.ones(24)))
    check_refused(opened(contents(loaded, "Hello")), "parameter blocks.0.gain")


def check_refused(page: Any, reason: str) -> None:
    """Nothing of the model is shown but why it cannot be."""
    assert reason in page.page.inner_text("#refusal")
    assert page.page.locator("#page").is_hidden()
    assert len(page.errors) == 1
    assert reason in page.errors[0]
    page.errors.clear()


def test_a_vocabulary_of_one_character(opened: Callable[..., Any]) -> None:
    loaded = random_model(*SMALL, tokenizer=corpus_tokenizer("aaa"))
    assert loaded.tokenizer.vocab_size == 1
    page = opened(contents(loaded, "aaa"))
    assert page.page.inner_text("#surprisal-readout").endswith("(100%). Nothing else reached 0.1%.")


@pytest.mark.parametrize("sentence", SENTENCES.values(), ids=SENTENCES)
def test_a_page_opens_with_a_text_in_the_models_own_script(
    sentence: str, opened: Callable[..., Any]
) -> None:
    loaded = random_model(*SMALL, tokenizer=corpus_tokenizer(sentence))
    text = loaded.tokenizer.decode(loaded.encode_prompt(None))
    assert text
    page = opened(contents(loaded, None))
    assert page.page.input_value("#typed") == text
    # Every character has a box of its own there, and so has the skin of an emoji.
    shown = "".join(each if each == "🏽" else printable_symbol(each) for each in sentence[:16])
    page.type(sentence[:16], shown=shown)
    assert page.run("() => attn.ids()") == list(loaded.encode_prompt(sentence[:16]))


def test_unknown_characters_are_named_by_signs_that_turn_nothing_around(
    opened: Callable[..., Any],
) -> None:
    page = opened(contents(random_model(), "Hello"))
    page.type("a\u202eb\u200b\x07é", shown="ab")
    note = page.page.inner_text("#typed-note")
    assert (
        "‘U+202E’ (character 2), ‘U+200B’ (character 4), ‘␇’ (character 5), ‘é’ (character 6)"
        in note
    )


@pytest.mark.parametrize(
    ("field", "value"), [("#how-many", "0"), ("#how-many", ""), ("#seed", "-1")]
)
def test_numbers_that_cannot_be_used_are_not_used(
    field: str, value: str, opened: Callable[..., Any]
) -> None:
    page = opened(contents(random_model(), "Hello"))
    page.page.fill(field, value)
    page.page.click("#write")
    assert page.run("() => document.activeElement.id") == field[1:]  # where the browser says why
    assert page.page.input_value("#typed") == "Hello"
