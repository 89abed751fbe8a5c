"""The page of a classifier: its labels while one types, and what each character does for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from attn_cli.config.load import load_config, parse_override
from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.inspection.label_evidence import label_evidence
from attn_cli.model.build import build_model
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import LoadedModel, TrainedModel
from attn_cli.text.tokenizer import printable_tokenizer
from tests.browser.conftest import PICTURES, Opened, contents
from tests.conftest import Outcome, Trained

pytestmark = pytest.mark.browser

SMALL = ("model.n_layer=2", "model.n_embd=24", "model.n_head=3", "model.block_size=20")
LABELS = ("north", "east", "south", "west", "nowhere")


@pytest.fixture(scope="module")
def classifier(trained_classifier: Trained) -> TrainedModel:
    return load_model(trained_classifier.run.path)


def random_classifier(*overrides: str) -> LoadedModel:
    """A classifier that nobody trained, whose n-grams count for something."""
    settings = [parse_override(each) for each in ("task=classify", *SMALL, *overrides)]
    config, tokenizer = load_config(None, settings), printable_tokenizer()
    torch.manual_seed(7)
    model = build_model(config.model, tokenizer.vocab_size, "classify", len(LABELS)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * (0.2 if parameter.dim() == 2 else 0.1))
    newline = tokenizer.symbols.index("\n")
    return LoadedModel(
        config, tokenizer, newline, "a model of random numbers", lambda: model, labels=LABELS
    )


def assert_as_in_torch(page: Opened, loaded: LoadedModel, text: str) -> None:
    ids = loaded.encode_prompt(text)
    wanted = label_evidence(loaded.classifier, ids, first=len(loaded.line_beginning))
    shown = page.run("() => attn.labels()")
    assert tuple(shown["names"]) == loaded.labels
    assert shown["label"] == wanted.label
    for name in ("probs", "shares", "bias"):
        np.testing.assert_allclose(shown[name], getattr(wanted, name), atol=1e-3)
    if wanted.ngram_shares is None:
        assert shown["ngramShares"] is None
    else:
        np.testing.assert_allclose(shown["ngramShares"], wanted.ngram_shares, atol=1e-3)
    weights = torch.tensor(page.run("() => attn.attention()"), dtype=torch.float32)
    torch.testing.assert_close(
        weights, forward_pass(loaded.model, ids).attention, atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("ngrams", ["[]", "[1, 3]"])
@pytest.mark.parametrize("block", ["gpt2", "qwen3"])
def test_labels_and_shares_are_those_of_torch(
    block: str, ngrams: str, opened: Callable[..., Any]
) -> None:
    loaded = random_classifier(
        f"model.block={block}", f"model.label_ngrams={ngrams}", "model.label_ngram_rows=101"
    )
    page = opened(contents(loaded, "To be"))
    assert_as_in_torch(page, loaded, "To be")
    for text in ("To be, or not", "T", "~~ to be ~~"):
        page.type(text, shown="⏎" + text.translate(PICTURES))
        assert_as_in_torch(page, loaded, text)


def test_what_is_typed_is_classified_as_attn_classify_does(
    classifier: TrainedModel,
    trained_classifier: Trained,
    attn: Callable[..., Outcome],
    opened: Callable[..., Any],
) -> None:
    page = opened(contents(classifier, "adam"))
    for text in ("adam", "mira", "tolo"):
        page.type(text, shown="⏎" + text)
        run, top = trained_classifier.run.path, str(len(classifier.labels))
        printed = attn("classify", text, "--run", run, "--top", top, "--json").json
        wanted = {each["label"]: each["prob"] for each in printed["texts"][0]["labels"]}
        shown = page.run("() => attn.labels()")
        assert wanted == pytest.approx(
            dict(zip(shown["names"], shown["probs"], strict=True)), abs=1e-4
        )
        best = printed["texts"][0]["labels"][0]["label"]
        assert page.page.inner_text("#label-probs li:first-child .symbol") == best
        assert page.page.inner_text("#label-caption").startswith(f"{best} with ")
    # Line breaks and blanks at the end are not part of a text.
    page.page.fill("#typed", "tolo \n")
    page.page.locator("#surprisal-strip > *").first.click()
    assert page.run("() => attn.ids()") == list(classifier.encode_prompt("tolo"))


def test_a_character_says_what_it_adds_and_what_its_absence_does(
    classifier: TrainedModel, opened: Callable[..., Any]
) -> None:
    page = opened(contents(classifier, "mirado")).page
    first = len(classifier.line_beginning)
    evidence = label_evidence(classifier.classifier, classifier.encode_prompt("mirado"), first)
    place = first + 2
    page.locator("#surprisal-strip > *").nth(place - 1).click()
    page.keyboard.press("ArrowRight")
    said = page.inner_text("#surprisal-readout")
    share = f"{float(evidence.shares[place]):+.2f}".replace("-", "−")
    assert said.startswith(f"‘r’ at {place} adds {share} to the logit of ")
    without = float(evidence.probs_without[place])
    shown = f"{100 * without:.1f}%" if without < 0.0995 else f"{100 * without:.0f}%"
    assert f" has {shown} instead of " in said


def test_what_speaks_against_the_label_is_marked(opened: Callable[..., Any]) -> None:
    loaded = random_classifier("model.label_ngrams=[1, 3]", "model.label_ngram_rows=101")
    evidence = label_evidence(loaded.classifier, loaded.encode_prompt("To be, or not"), 1)
    assert evidence.ngram_shares is not None
    shares = evidence.shares + evidence.ngram_shares[:-1]
    page = opened(contents(loaded, "To be, or not")).page
    marked = page.locator("#surprisal-strip > *").evaluate_all(
        "(items) => items.map((item) => item.classList.contains('against'))"
    )
    assert marked == (shares < 0).tolist()
    assert 0 < sum(marked) < len(marked)


def test_the_page_of_a_classifier_has_its_own_parts_and_fits(
    classifier: TrainedModel, opened: Callable[..., Any]
) -> None:
    for width in (1280, 390):
        page = opened(contents(classifier, "mirado"), width=width).page
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        assert page.locator("#labels").count() == 1
        assert page.locator("#next, #lens, #ablation, #mask-switch, #fill-one").count() == 0
        T = len(classifier.encode_prompt("mirado"))
        assert page.locator("#map-grid [role=gridcell]").count() == T  # nothing is masked


def test_a_text_beyond_the_context_is_cut_at_its_end(opened: Callable[..., Any]) -> None:
    loaded = random_classifier()
    page = opened(contents(loaded, "To be"))
    page.type("abcdefghij" * 3, shown="⏎" + ("abcdefghij" * 2)[:19])
    assert "the model sees the first 20." in page.page.inner_text("#typed-note")
    assert_as_in_torch(page, loaded, ("abcdefghij" * 2)[:19])


def test_many_labels_and_a_hostile_name(opened: Callable[..., Any]) -> None:
    loaded = random_classifier()
    hostile = replace(loaded, labels=("<img src=x onerror=alert(1)>", *LABELS[1:]))
    page = opened(contents(hostile, "To be")).page
    assert "<img" in page.inner_text("#label-probs")
    assert page.locator("#label-probs img").count() == 0


@pytest.mark.parametrize("command", ["export", "inspect"])
def test_commands_write_the_pages_of_classifiers_and_translators(
    command: str,
    trained_classifier: Trained,
    trained_translator: Trained,
    tmp_path: Path,
    attn: Callable[..., Outcome],
) -> None:
    for trained, text, own in (
        (trained_classifier, "mira", "Its labels"),
        (trained_translator, "abc", "Target to source"),
    ):
        out = tmp_path / f"{own}.html"
        run = ("--run", trained.run.path)
        if command == "export":
            outcome = attn("export", "page", out, *run)
        else:
            outcome = attn("inspect-attention", text, "--html", out, *run)
        assert outcome.code == 0, outcome.err
        assert own in out.read_text("utf-8")
