"""A trace has the tensors that the inspecting commands show, by the same names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor, nn

import attn_cli as attn_api
from attn_cli.model.trace import NullTrace
from tests.conftest import Outcome, Trained, train_in

Attn = Callable[..., Outcome]
TEXT = "The fox met"
T = len(TEXT)
AXIS_SYMBOLS = {
    "time": "T", "query": "T", "key": "T", "head": "H", "vocabulary": "V", "hidden": "F",
    "n-gram": "N",
}  # fmt: skip


@pytest.fixture(scope="module")
def trace(model: attn_api.Model) -> attn_api.Trace:
    return model.trace(TEXT)


def test_attention_is_what_inspect_attention_prints(
    trace: attn_api.Trace, trained: Trained, attn: Attn
) -> None:
    shown = attn("inspect-attention", TEXT, "--run", trained.run.path, "--json").json
    np.testing.assert_allclose(trace.attention, shown["weights"], atol=1e-7)
    assert trace.attention.shape == (2, 3, T, T)
    assert list(trace.characters) == shown["characters"]


def test_the_mask_can_be_taken_away(
    model: attn_api.Model, trained_encoder: Trained, trained: Trained, attn: Attn
) -> None:
    trace = model.trace(TEXT, mask=False)
    command = ("inspect-attention", TEXT, "--run", trained.run.path, "--no-mask", "--json")
    np.testing.assert_allclose(trace.attention, attn(*command).json["weights"], atol=1e-7)
    assert np.triu(trace.attention, 1).any()
    assert "block 1.attention.masked scores" not in trace
    assert not np.triu(model.trace(TEXT).attention, 1).any()
    with pytest.raises(attn_api.AttnError, match="`mask` False needs a decoder"):
        attn_api.load(trained_encoder.run.path).trace(TEXT, mask=False)


@pytest.mark.parametrize("ngrams", ["[]", "[2, 3]"])
def test_names_shapes_and_axes_are_those_of_inspect_shapes(
    ngrams: str, verse_file: Path, tmp_path: Path, attn: Attn
) -> None:
    settings = ("train.steps=1", f"model.ngrams={ngrams}")
    run = train_in(tmp_path / "run", verse_file, *settings).run.path
    trace = attn_api.load(run).trace(TEXT)
    rows = attn("inspect-shapes", TEXT, "--run", run, "--json").json["rows"]
    assert list(trace) == [row["operation"] for row in rows]
    assert len(trace) == len(rows)
    for row in rows:
        name = row["operation"]
        symbols = [symbol for symbol in row["symbolic"] if symbol != "B"]
        shape = row["shape"][1:] if row["symbolic"][0] == "B" else row["shape"]
        assert trace[name].shape == tuple(shape)
        channel = next((symbol for symbol in "DE" if symbol in symbols), "C")
        assert [AXIS_SYMBOLS.get(axis, channel) for axis in trace.axes(name)] == symbols
    assert trace.axes("block 1.attention.scores") == ("head", "query", "key")


@pytest.mark.parametrize("block", ["gpt2", "qwen3"])
@pytest.mark.parametrize("position", ["learned", "rope"])
def test_attention_is_softmax_of_q_times_k(
    block: str, position: str, verse_file: Path, tmp_path: Path
) -> None:
    """q and k are what enters the scores, whatever has normalised or rotated them before."""
    run = train_in(
        tmp_path / "run", verse_file,
        f"model.block={block}", f"model.position={position}", "model.bias=false", "train.steps=9",
    )  # fmt: skip
    trace = attn_api.load(run.run.path).trace(TEXT)
    L, H, D = 2, 3, 8
    assert trace.q.shape == trace.k.shape == trace.v.shape == (L, H, T, D)
    scores = trace.q @ trace.k.swapaxes(-2, -1) / np.sqrt(D)
    scores = np.where(np.tri(T, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    np.testing.assert_allclose(trace.attention, weights, atol=1e-5)
    np.testing.assert_allclose(
        trace.attention[1] @ trace.v[1], trace["block 2.attention.weights @ value"], atol=1e-5
    )


def test_attributes_have_the_axes_that_they_name(trace: attn_api.Trace) -> None:
    assert trace.axes("attention") == ("layer", "head", "query", "key")
    for name in ("q", "k", "v"):
        assert trace.axes(name) == ("layer", "head", "time", "channel")
    for name in ("attention", "q", "k", "v", "residual_stream", "logits"):
        array = getattr(trace, name)
        assert isinstance(array, np.ndarray)
        assert array.ndim == len(trace.axes(name))
    np.testing.assert_array_equal(trace.residual_stream[2], trace["block 2.feed-forward residual"])
    np.testing.assert_array_equal(
        trace.attention[0, 1], trace["block 1.attention.softmax weights"][1]
    )


def test_it_is_a_mapping(trace: attn_api.Trace) -> None:
    assert "logits" in trace
    assert "block 3.attention.scores" not in trace
    assert trace.get("nothing") is None
    assert dict(trace).keys() == trace.keys()
    np.testing.assert_array_equal(trace["logits"], trace.logits)


@pytest.mark.parametrize("lookup", [attn_api.Trace.__getitem__, attn_api.Trace.axes])
def test_an_unknown_name_is_refused(
    trace: attn_api.Trace, lookup: Callable[[attn_api.Trace, str], object]
) -> None:
    with pytest.raises(attn_api.AttnError, match="`name` 'scores': the trace has no such"):
        lookup(trace, "scores")
    with pytest.raises(KeyError):
        lookup(trace, "scores")


def test_an_empty_text_is_the_beginning_of_a_document(model: attn_api.Model) -> None:
    trace = model.trace("")
    assert trace.attention.shape == (2, 3, 1, 1)
    assert trace.characters == ("\n",)  # a vocabulary's separator, or else the newline


def test_a_block_without_attention_has_its_own_operations(trained: Trained) -> None:
    """As somebody may have added it: what it records is there, what it lacks is refused."""

    class Doubling(nn.Module):
        def forward(self, x: Tensor, *, trace: NullTrace, **others: object) -> Tensor:
            trace.record("doubled", 2 * x, "B T C")
            trace.record("pairs", x.unflatten(-1, (-1, 2)), "B T P Q")
            return 2 * x

    model = attn_api.load(trained.run.path)
    model.module.blocks = nn.ModuleList(Doubling() for _ in range(2))
    trace = model.trace(TEXT)
    np.testing.assert_array_equal(trace["block 1.doubled"], 2 * trace["token + position"])
    assert trace.axes("block 2.pairs") == ("time", "P", "Q")
    assert trace._repr_html_() is None
    for name in ("attention", "q", "v", "residual_stream"):
        with pytest.raises(attn_api.AttnError, match="does not record"):
            getattr(trace, name)


def test_a_trace_of_a_pair_has_the_alignment(
    translator: attn_api.Model, trained_translator: Trained, attn: Attn
) -> None:
    trace = translator.trace("face", target="ab")
    assert isinstance(trace, attn_api.PairTrace)
    assert (trace.source, trace.target) == (("f", "a", "c", "e", "\n"), ("a", "b", "\n"))
    assert trace.characters == ("\n", "a", "b")
    at = ("face", "--target", "ab", "--run", trained_translator.run.path, "--json")
    parts = ("cross_attention", "encoder_attention", "attention")
    for name, part in zip(parts, ("cross", "encoder", "decoder"), strict=True):
        shown = attn("inspect-attention", *at, "--part", part).json
        np.testing.assert_allclose(getattr(trace, name), shown["weights"], atol=1e-7)
        assert trace.axes(name) == ("layer", "head", "query", "key")
    assert trace.q.shape == trace.k.shape == (2, 3, 3, 8)
    assert trace.residual_stream.shape == (3, 3, 24)
    assert trace.axes("encoder.block 1.attention.scores") == ("head", "query", "key")
    assert repr(trace).startswith("<Trace of 'face' to 'ab': ")
    written = translator.trace("face")
    assert written.logits.argmax(-1).tolist() == [
        translator.tokenizer.symbols.index(symbol) for symbol in written.target
    ]


def test_only_an_encoder_decoder_has_a_target(
    model: attn_api.Model, translator: attn_api.Model
) -> None:
    with pytest.raises(attn_api.AttnError, match="`target` needs an encoder-decoder"):
        model.trace("The", target="owl")
    with pytest.raises(attn_api.AttnError, match="`target`: characters outside"):
        translator.trace("face", target="ö")
    with pytest.raises(attn_api.AttnError, match="no such operation"):
        model.trace("The").axes("cross_attention")
