"""Beyond the window too, logits are those of a whole pass over what the model may see."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from attn_cli.config.schema import ModelConfig
from attn_cli.generation import generate as generate_module
from attn_cli.generation.generate import ContextWindow, window_start
from attn_cli.generation.next_token_model import NextTokenModel
from attn_cli.model.transformer import Transformer
from tests.generation.conftest import BLOCK, VOCAB, in_numpy, make_model


def uncached(model: Transformer, ids: list[int]) -> np.ndarray:
    """The same policy without a cache: the window, from scratch for each token."""
    window = ids[window_start(len(ids), model.config.block_size) :]
    with torch.no_grad():
        return model(torch.tensor([window]))[0, -1].numpy()


def assert_follows(
    model: Transformer,
    lengths: tuple[int, ...],
    steps: int = 30,
    implementation: Callable[[Transformer], NextTokenModel] = in_numpy,
) -> None:
    random = np.random.default_rng(1)
    texts = [random.integers(0, VOCAB, length).tolist() for length in lengths]
    window = ContextWindow(implementation(model), len(texts))
    for _ in range(steps):
        logits = window.next_logits(texts)
        for row, ids in zip(logits, texts, strict=True):
            np.testing.assert_allclose(row, uncached(model, ids), rtol=3e-4, atol=3e-4)
            ids.append(int(row.argmax()))


@pytest.mark.parametrize("length", [1, BLOCK - 1, BLOCK, BLOCK + 1, 40])
def test_logits_equal_the_uncached_reference(model: Transformer, length: int) -> None:
    assert_follows(model, (length,))


def test_texts_of_unequal_length_each_have_their_own_window(
    model: Transformer, as_next_token_model: Callable[[Transformer], NextTokenModel]
) -> None:
    assert_follows(model, (1, BLOCK + 3, 5, BLOCK, 5), implementation=as_next_token_model)


@pytest.mark.parametrize("block_size", [1, 2, 3])
def test_the_smallest_windows(block_size: int) -> None:
    config = ModelConfig(n_layer=1, n_head=1, n_embd=8, block_size=block_size, ngrams=[2, 4])
    assert_follows(make_model(config), (1, 4), steps=9)


def test_windows_are_prefilled_in_batches_that_fit_into_memory(
    one_model: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate_module, "MAX_PREFILL_SCORES", 1)
    assert_follows(one_model, (7, 7, 7))


def test_rows_can_be_dropped_and_repeated(one_model: Transformer) -> None:
    window = ContextWindow(in_numpy(one_model), 3)
    texts = [[1, 2], [3, 4, 5], [6]]
    window.next_logits(texts)
    window.select_rows([2, 1, 1])
    texts = [[6, 7], [3, 4, 5, 8], [3, 4, 5, 9]]
    for row, ids in zip(window.next_logits(texts), texts, strict=True):
        np.testing.assert_allclose(row, uncached(one_model, ids), rtol=3e-4, atol=3e-4)


@pytest.mark.parametrize("block_size", [1, 2, 3, 64, 65])
def test_window_fits_and_never_moves_back(block_size: int) -> None:
    starts = [window_start(length, block_size) for length in range(1, 4 * block_size + 3)]
    assert starts == sorted(starts)
    for length, start in enumerate(starts, start=1):
        assert 1 <= length - start <= block_size
        assert length > block_size or start == 0
        # At least half of what can be seen is seen.
        assert length <= block_size or length - start > (block_size - 1) // 2
