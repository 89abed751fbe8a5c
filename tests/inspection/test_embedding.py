"""Vectors depend on their own text alone, and are those of the layer that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attn_cli.inspection import embedded_texts
from attn_cli.inspection.embedded_texts import EmbeddedTexts
from attn_cli.inspection.embedding import Embedder, hidden_states
from attn_cli.inspection.neighbours import nearest
from attn_cli.model.build import build_model
from attn_cli.model.stack import Stack
from attn_cli.model.trace import TraceRecorder
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import LoadedModel
from attn_cli.text.labelled_texts import LabelledText
from attn_cli.text.tokenizer import printable_tokenizer
from tests.conftest import Trained, tiny_config

V = 11
TEXTS = [[3, 1, 4, 1, 5, 9, 2, 6], [5], [3, 5, 8], [9, 7, 9], list(range(11))]


@pytest.mark.parametrize("task", ["lm", "mlm"])
@pytest.mark.parametrize("position", ["learned", "rope"])
@pytest.mark.parametrize("ngrams", ["[]", "[2, 3]"])
@pytest.mark.parametrize("layer", [None, 0, 1, 2])
def test_a_text_has_the_same_states_alone_and_in_a_batch(
    task: str, position: str, ngrams: str, layer: int | None
) -> None:
    model = _model(task, position, f"model.ngrams={ngrams}")
    for table in model.tables():  # which begin at zero
        torch.nn.init.normal_(table)
    together = hidden_states(model, TEXTS, layer)
    for ids, states in zip(TEXTS, together, strict=True):
        (alone,) = hidden_states(model, [ids], layer)
        assert states.shape == (len(ids), 24)
        np.testing.assert_allclose(states, alone, rtol=1e-5, atol=1e-5)


def test_batches_are_small_and_cover_all(monkeypatch: pytest.MonkeyPatch) -> None:
    model = _model("mlm", "rope")
    expected = hidden_states(model, TEXTS)
    monkeypatch.setattr("attn_cli.text.padded_texts.TOKENS_PER_BATCH", 8)
    widths = []
    hidden = model.hidden

    def recorded(ids: torch.Tensor, **options: object) -> torch.Tensor:
        widths.append(tuple(ids.shape))
        return hidden(ids, **options)

    monkeypatch.setattr(model, "hidden", recorded)
    for states, of_large in zip(hidden_states(model, TEXTS), expected, strict=True):
        np.testing.assert_allclose(states, of_large, rtol=1e-5, atol=1e-5)
    assert widths == [(2, 3), (1, 3), (1, 8), (1, 11)]


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_states_are_the_residual_stream_after_a_layer(layer: int) -> None:
    model, trace = _model("mlm", "learned"), TraceRecorder()
    model(torch.tensor([TEXTS[0]]), trace=trace)
    tensors = {record.full_name: record.tensor for record in trace.records}
    names = ["token + position", "block 1.feed-forward residual", "block 2.feed-forward residual"]
    (states,) = hidden_states(model, [TEXTS[0]], layer)
    np.testing.assert_allclose(states, tensors[names[layer]][0], rtol=1e-5, atol=1e-6)


def test_a_classifier_scores_the_mean(trained_classifier: Trained) -> None:
    loaded = load_model(trained_classifier.run.path)
    texts = [loaded.tokenizer.encode(text, unknown="drop").tolist() for text in ("The owl", "x")]
    for ids, vector in zip(texts, Embedder(loaded)(texts), strict=True):
        with torch.no_grad():
            (logits,) = loaded.model(torch.tensor([[*loaded.line_beginning, *ids]]))
            scores = loaded.model.head(torch.from_numpy(vector))
        torch.testing.assert_close(scores, logits)


def test_a_line_begins_with_a_newline_which_is_pooled_and_is_no_character() -> None:
    config, tokenizer = tiny_config("data.records=lines"), printable_tokenizer()
    newline = tokenizer.symbols.index("\n")
    model = build_model(config.model, tokenizer.vocab_size, "mlm").eval()
    loaded = LoadedModel(config, tokenizer, newline, "a model of lines", lambda: model)
    ids = tokenizer.encode("Bana").tolist()
    (states,) = hidden_states(model, [[newline, *ids]])
    (of_chars,) = Embedder(loaded, "char")([ids])
    np.testing.assert_allclose(of_chars, states[1:], rtol=1e-5, atol=1e-6)
    (of_text,) = Embedder(loaded)([ids])
    np.testing.assert_allclose(of_text, states.mean(axis=0), rtol=1e-5, atol=1e-6)
    assert Embedder(loaded, "char")([[]])[0].shape == (0, 24)


def test_texts_are_read_as_their_vectors_are_taken(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_texts, "_CHUNK", 20)
    read = 0

    def endless() -> object:
        nonlocal read
        while True:
            read += 1
            yield LabelledText("The fox", None)

    found = iter(EmbeddedTexts(load_model(trained.run.path), "endless", endless()))
    for number in range(1, 20):
        assert next(found).line == number
        assert read <= number + 3, "no more than a chunk ahead"


def test_the_nearest_have_the_largest_cosine_of_what_is_not_the_mean() -> None:
    vectors = np.random.default_rng(0).normal(3, 1, (1100, 5)).astype(np.float32)
    centred = vectors - vectors.mean(axis=0)
    directions = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    cosines = directions @ directions.T
    np.fill_diagonal(cosines, -2)
    for row, found in enumerate(nearest(vectors, 3)):
        expected = np.sort(cosines[row])[::-1][:3]
        assert [each.similarity for each in found] == pytest.approx(expected, abs=1e-5)
        assert [cosines[row, each.index] for each in found] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("number", [1, 2])
def test_few_texts_have_few_neighbours_and_equal_ones_no_direction(number: int) -> None:
    found = list(nearest(np.ones((number, 3), np.float32), 5))
    assert [[each.similarity for each in near] for near in found] == [[0.0] * (number - 1)] * number


def _model(task: str, position: str, *more: str) -> Stack:
    torch.manual_seed(3)
    config = tiny_config(f"model.position={position}", "model.block_size=11", *more)
    return build_model(config.model, V, task).eval()
