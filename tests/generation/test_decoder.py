"""The decoder's scores are the model's, however a text is cut into readings and steps."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from attn_cli.generation import decoder as decoder_module
from attn_cli.model.transformer import Transformer
from tests.generation.conftest import BLOCK, VOCAB, decoder_of


def whole_pass(model: Transformer, ids: np.ndarray) -> np.ndarray:
    """The reference: every position's scores (B, T, V) from one pass without a cache."""
    with torch.no_grad():
        return model(torch.from_numpy(ids)).numpy()


def some_ids(batch: int) -> np.ndarray:
    return np.random.default_rng(batch).integers(0, VOCAB, (batch, BLOCK))


def assert_same(scores: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(scores, expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_scores_equal_a_whole_pass_at_every_split(model: Transformer, batch: int) -> None:
    decoder, ids = decoder_of(model), some_ids(batch)
    expected = whole_pass(model, ids)
    for split in range(1, BLOCK + 1):
        cache = decoder.new_cache(batch)
        assert_same(decoder.read(ids[:, :split], cache), expected[:, split - 1])
        for t in range(split, BLOCK):
            assert_same(decoder.read(ids[:, t : t + 1], cache), expected[:, t])


@pytest.mark.parametrize("batch", [1, 3])
def test_torchs_own_cache_gives_the_same_at_every_split(model: Transformer, batch: int) -> None:
    ids = some_ids(batch)
    expected = whole_pass(model, ids)
    for split in range(1, BLOCK):
        cache = model.new_cache(batch)
        with torch.inference_mode():
            first = model(torch.from_numpy(ids[:, :split]), cache=cache)
            rest = model(torch.from_numpy(ids[:, split:]), cache=cache)
        assert_same(torch.cat((first, rest), dim=1).numpy(), expected)


def test_reading_in_pieces_equals_reading_at_once(
    model: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder, ids = decoder_of(model), some_ids(2)
    monkeypatch.setattr(decoder_module, "READ_AT_ONCE", 3)
    assert_same(decoder.read(ids, decoder.new_cache(2)), whole_pass(model, ids)[:, -1])


def test_texts_of_unequal_length_step_together(model: Transformer) -> None:
    decoder, ids, lengths = decoder_of(model), some_ids(3), (2, 7, 4)
    expected = whole_pass(model, ids)
    cache = decoder.new_cache(3)
    for row, length in enumerate(lengths):
        alone = decoder.new_cache(1)
        decoder.read(ids[row : row + 1, :length], alone)
        cache.put([row], alone, 0)
    for step in range(BLOCK - max(lengths)):
        ends = [length + step for length in lengths]
        scores = decoder.read(ids[range(3), ends][:, None], cache)
        assert_same(scores, expected[range(3), ends])


@pytest.mark.parametrize("rows", [[2, 0, 2], [0, 1], [2, 1], [1, 0, 2], [1], [0, 0, 1, 2]])
def test_rows_of_a_cache_can_be_chosen_and_repeated(
    one_model: Transformer, rows: list[int]
) -> None:
    decoder, ids = decoder_of(one_model), some_ids(3)
    cache = decoder.new_cache(3)
    decoder.read(ids[:, :5], cache)
    cache.select(rows)
    for t in (5, 6):
        scores = decoder.read(ids[rows, t : t + 1], cache)
        assert_same(scores, whole_pass(one_model, ids)[rows, t])


def test_large_weights_do_not_overflow(model: Transformer) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(30)
    decoder, ids = decoder_of(model), some_ids(1)
    with np.errstate(all="raise", under="ignore"):
        scores = decoder.read(ids, decoder.new_cache(1))
    assert np.isfinite(scores).all()


def test_writing_text_needs_no_torch() -> None:
    program = (
        "import sys, attn_cli.generation.writer, attn_cli.runs.checkpoint\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
