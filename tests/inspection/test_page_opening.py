"""What a page opens with: a sentence on the model, its stages, a text and a cell of a map."""

from __future__ import annotations

import re

import pytest

from attn_cli.config.load import load_config, parse_override
from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.inspection.page.build import PageContents, page
from attn_cli.inspection.page.first_cell import FirstCell, first_cell
from attn_cli.inspection.page.opening_text import (
    LONGEST,
    SHORTEST,
    open_ended_text,
    text_with_blanks,
)
from attn_cli.inspection.page.stages import model_sentence, stages
from attn_cli.inspection.telling_head import most_telling
from attn_cli.model.build import build_model
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import LoadedModel, TrainedModel
from attn_cli.text.tokenizer import printable_tokenizer
from tests.conftest import Trained


@pytest.fixture(scope="module")
def tiny(trained: Trained) -> TrainedModel:
    return load_model(trained.run.path)


def of_task(task: str) -> LoadedModel:
    shape = ("model.n_layer=2", "model.n_head=3", "model.n_embd=24", "model.n_inner=37")
    config = load_config(None, [parse_override(part) for part in (f"task={task}", *shape)])
    tokenizer = printable_tokenizer()
    tokenizer = tokenizer.with_mask() if task == "mlm" else tokenizer
    model = build_model(config.model, tokenizer.vocab_size, config.task).eval()
    return LoadedModel(config, tokenizer, 0, "nowhere", lambda: model)


@pytest.mark.parametrize(
    ("task", "does"),
    [
        ("lm", "predicts the next character of a text"),
        ("mlm", "fills in the characters that are missing from a text"),
        ("seq2seq", "writes a target for a source, one character at a time"),
    ],
)
def test_the_sentence_says_what_the_model_does_and_how_large_it_is(task: str, does: str) -> None:
    loaded = of_task(task)
    said = model_sentence(loaded)
    assert said.startswith(f"This model of {loaded.model.parameter_count():,} parameters {does}.")
    assert "The map shows" in said
    assert "The map" not in model_sentence(loaded, "write")


def test_only_a_model_that_writes_is_said_to_write() -> None:
    def sentence(task: str) -> str:
        contents = PageContents(of_task(task), (3, 4), (), (), "A page", generate_first=True)
        found = re.search('<p class="opening">(.*?)</p>', page(contents))
        assert found
        return found[1]

    assert "Let it write, and see below" in sentence("lm")
    assert "Let it fill in what is missing" in sentence("mlm")


@pytest.mark.parametrize(
    ("task", "sections"),
    [
        ("lm", ["text", "embedding", "attention", "next"]),
        ("mlm", ["text", "embedding", "attention", "next"]),
        ("seq2seq", ["text", "attention", "next"]),
    ],
)
def test_the_stages_have_the_models_shapes(task: str, sections: list[str]) -> None:
    found = stages(of_task(task))
    assert [stage.section for stage in found] == sections
    said = " ".join(f"{stage.name}: {stage.detail}" for stage in found)
    assert "2 layers × 3 heads" in said
    assert "37 neurons" in said
    assert ("24 numbers each" in said) == (task != "seq2seq")


def test_a_page_opens_on_a_text_whose_end_is_open(tiny: TrainedModel) -> None:
    ids = open_ended_text(tiny)
    begin = len(tiny.line_beginning)
    context = tiny.config.model.block_size
    assert begin + SHORTEST <= len(ids) <= min(begin + LONGEST, context)
    text = tiny.tokenizer.encode(tiny.own_text(), unknown="drop").tolist()
    whole = (*tiny.line_beginning, *text[: min(LONGEST, context - begin)])
    assert whole[: len(ids)] == ids
    probs = forward_pass(tiny.model, whole)["logits"].softmax(-1)
    entropy = -(probs * probs.log()).sum(-1)[begin + SHORTEST - 1 :]
    assert entropy.max() > 1.5 * entropy.min()  # some ends would be worse
    assert len(ids) - begin - SHORTEST == int(entropy.argmax())


def test_the_first_cell_is_the_most_telling_of_the_heads_that_are_asked_for(
    tiny: TrainedModel,
) -> None:
    ids = tiny.encode_prompt("The fox met")
    weights = forward_pass(tiny.model, ids).attention.numpy()
    told = most_telling(weights)
    assert first_cell(tiny, ids, None, None) == FirstCell(
        told.layer - 1, told.head - 1, told.query, told.key
    )
    for layer in (1, 2):
        for head in (1, 3):
            cell = first_cell(tiny, ids, layer, head)
            assert (cell.layer, cell.head) == (layer - 1, head - 1)
            one = most_telling(weights[layer - 1 : layer, head - 1 : head])
            assert (cell.query, cell.key) == (one.query, one.key)


def test_of_a_text_with_blanks_the_page_looks_at_the_first_blank(
    trained_encoder: Trained,
) -> None:
    encoder = load_model(trained_encoder.run.path)
    cell = first_cell(encoder, encoder.encode_prompt("The f_x", blank="_"), None, None)
    assert (cell.query, cell.key) == (None, None)
    cell = first_cell(encoder, encoder.encode_prompt("The fox", blank="_"), None, None)
    assert cell.query is not None


def test_an_encoders_page_opens_with_two_letters_hidden() -> None:
    loaded = of_task("mlm")
    ids, own = text_with_blanks(loaded), loaded.encode_prompt(None)
    hidden = [place for place, id_ in enumerate(ids) if id_ == loaded.tokenizer.mask_id]
    assert len(hidden) == 2
    for place, (id_, before) in enumerate(zip(ids, own, strict=True)):
        if place in hidden:
            assert loaded.tokenizer.symbols[before].isalpha()
        else:
            assert id_ == before
