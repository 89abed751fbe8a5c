"""The forward pass of a pair, and how aligned its cross-attention is."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from attn_cli.errors import InputError, PromptError
from attn_cli.inspection.alignment import alignment_bits
from attn_cli.inspection.pair_pass import describe_pair, pair_pass, run_pair
from attn_cli.model.attention import MultiHeadAttention
from attn_cli.model.build import build_model
from attn_cli.model.encoder_decoder import EncoderDecoder
from attn_cli.runs.load_model import load_model
from tests.conftest import Trained, tiny_config


def a_model() -> EncoderDecoder:
    torch.manual_seed(0)
    config = tiny_config("task=seq2seq", "model.position=learned").model
    model = build_model(config, 29, "seq2seq")
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)  # so that nothing is nearly zero
    assert isinstance(model, EncoderDecoder)
    return model.eval()


def weights_by_hand(
    attention: MultiHeadAttention, x: torch.Tensor, source: torch.Tensor, *, causal: bool = False
) -> torch.Tensor:
    """softmax(q kᵀ / sqrt(D)) of (T, C) and (S, C), head by head: (H, T, S)."""
    D = attention.head_size
    found = []
    for head in range(attention.n_head):
        q = attention.query(x)[:, head * D : (head + 1) * D]
        k = attention.key(source)[:, head * D : (head + 1) * D]
        scores = q @ k.T / math.sqrt(D)
        if causal:
            scores += torch.full_like(scores, -math.inf).triu(1)
        found.append(torch.softmax(scores, dim=-1))
    return torch.stack(found)


@torch.no_grad()
def test_weights_are_those_of_a_plain_computation() -> None:
    model = a_model()
    seen = run_pair(model, range(3, 10), range(5, 9), newline_id=1)
    assert (seen.source_ids, seen.ids) == ((*range(3, 10), 1), (1, *range(5, 9)))
    assert seen.target_ids == (*range(5, 9), 1)
    assert seen.cross_attention.shape == (2, 3, 5, 8)
    assert seen.encoder_attention.shape == (2, 3, 8, 8)
    encoded = seen["encoder.final norm"]
    for layer, (block, of_encoder) in enumerate(
        zip(model.layers(), model.encoder.layers(), strict=True)
    ):
        x = seen[f"decoder.block {layer + 1}.attention norm"]
        expected = weights_by_hand(block.attention, x, x, causal=True)
        torch.testing.assert_close(seen.attention[layer], expected)
        x = seen[f"decoder.block {layer + 1}.cross-attention norm"]
        expected = weights_by_hand(block.cross_attention, x, encoded)
        torch.testing.assert_close(seen.cross_attention[layer], expected)
        x = seen[f"encoder.block {layer + 1}.attention norm"]
        expected = weights_by_hand(of_encoder.attention, x, x)
        torch.testing.assert_close(seen.encoder_attention[layer], expected)
    stream = seen.residual_stream  # of the decoder
    assert stream.shape == (3, 5, model.config.n_embd)
    torch.testing.assert_close(model.head(model.final_norm(stream[-1])), seen["logits"])
    logs = seen["logits"].log_softmax(-1)
    expected = torch.stack([-logs[t, id_] for t, id_ in enumerate(seen.target_ids)])
    torch.testing.assert_close(seen.losses, expected)


def test_a_target_that_fills_the_context_has_no_end() -> None:
    model = a_model()
    T = model.config.block_size
    seen = run_pair(model, [4], [5] * T, newline_id=1)
    assert seen.ids == (1, *[5] * (T - 1))
    assert seen.target_ids == (5,) * T


def test_the_target_is_the_one_that_the_model_writes(trained_translator: Trained) -> None:
    loaded = load_model(trained_translator.run.path)
    written = pair_pass(loaded, "face")
    assert written["logits"].argmax(-1).tolist() == list(written.target_ids)
    given = pair_pass(loaded, "face", "fab")
    assert loaded.symbols(given.target_ids) == ["f", "a", "b", "\n"]
    assert describe_pair(loaded, given).endswith("on 'face' to 'fab'")
    assert loaded.symbols(pair_pass(loaded, "face", "").target_ids) == ["\n"]


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("facé", None, "the source: characters outside the corpus vocabulary: 'é' at position 4"),
        ("", None, "the source is empty"),
        ("a\tb", None, "has 1 tab, and needs none"),
        ("ab" * 30, None, "the source has 60 characters, and the model sees at most"),
        ("face", "ecaß", "`target`: characters outside the corpus vocabulary: 'ß' at position 4"),
        ("face", "ab" * 30, "`target` has 60 characters, and the model sees at most"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    trained_translator: Trained, source: str, target: str | None, message: str
) -> None:
    loaded = load_model(trained_translator.run.path)
    with pytest.raises(InputError) as error:
        pair_pass(loaded, source, target)
    assert message in error.value.message
    assert isinstance(error.value, PromptError) == ("sees at most" not in message)


def test_alignment_in_bits() -> None:
    same_place, uniform = np.zeros((4, 7), np.float32), np.full((4, 7), 1 / 7, np.float32)
    same_place[:, 2] = 1
    diagonal = np.eye(4, 7, dtype=np.float32)
    halves = np.repeat(np.eye(2, 7, dtype=np.float32), 2, axis=0)
    bits = alignment_bits(np.stack([same_place, uniform, diagonal, halves]))
    assert bits == pytest.approx([0, 0, 2, 1], abs=1e-6)
