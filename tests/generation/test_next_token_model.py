"""Next-token logits are the model's, however a text is split into prompt and steps."""

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch

from attn_cli.config.schema import ModelConfig
from attn_cli.errors import OperationError
from attn_cli.generation import numpy_model as numpy_model_module
from attn_cli.generation.next_token_model import NextTokenModel, as_next_token_model
from attn_cli.generation.numpy_model import NumpyModel
from attn_cli.generation.torch_model import TorchModel
from attn_cli.model.block import Block
from attn_cli.model.transformer import Transformer
from tests.generation.conftest import BLOCK, VOCAB, in_numpy

Implementation = Callable[[Transformer], NextTokenModel]


def whole_pass(model: Transformer, ids: np.ndarray) -> np.ndarray:
    """The reference: every position's logits (B, T, V) from one pass without a cache."""
    with torch.no_grad():
        return model(torch.from_numpy(ids)).numpy()


def some_ids(batch: int) -> np.ndarray:
    return np.random.default_rng(batch).integers(0, VOCAB, (batch, BLOCK))


def assert_same(logits: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(logits, expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_logits_equal_a_whole_pass_at_every_split(
    model: Transformer, as_next_token_model: Implementation, batch: int
) -> None:
    generator, ids = as_next_token_model(model), some_ids(batch)
    expected = whole_pass(model, ids)
    for split in range(1, BLOCK + 1):
        cache = generator.new_cache(batch)
        assert_same(generator.forward(ids[:, :split], cache), expected[:, split - 1])
        for t in range(split, BLOCK):
            assert_same(generator.forward(ids[:, t : t + 1], cache), expected[:, t])


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


def test_prefill_in_chunks_equals_one_pass(
    model: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator, ids = in_numpy(model), some_ids(2)
    monkeypatch.setattr(numpy_model_module, "PREFILL_CHUNK", 3)
    assert_same(generator.forward(ids, generator.new_cache(2)), whole_pass(model, ids)[:, -1])


def test_texts_of_unequal_length_step_together(
    model: Transformer, as_next_token_model: Implementation
) -> None:
    generator, ids, lengths = as_next_token_model(model), some_ids(3), (2, 7, 4)
    expected = whole_pass(model, ids)
    cache = generator.new_cache(3)
    for row, length in enumerate(lengths):
        alone = generator.new_cache(1)
        generator.forward(ids[row : row + 1, :length], alone)
        generator.copy_rows(cache, [row], alone, 0)
    for step in range(BLOCK - max(lengths)):
        ends = [length + step for length in lengths]
        logits = generator.forward(ids[range(3), ends][:, None], cache)
        assert_same(logits, expected[range(3), ends])


@pytest.mark.parametrize("rows", [[2, 0, 2], [0, 1], [2, 1], [1, 0, 2], [1], [0, 0, 1, 2]])
def test_rows_of_a_cache_can_be_chosen_and_repeated(
    one_model: Transformer, as_next_token_model: Implementation, rows: list[int]
) -> None:
    generator, ids = as_next_token_model(one_model), some_ids(3)
    cache = generator.new_cache(3)
    generator.forward(ids[:, :5], cache)
    generator.select_rows(cache, rows)
    for t in (5, 6):
        logits = generator.forward(ids[rows, t : t + 1], cache)
        assert_same(logits, whole_pass(one_model, ids)[rows, t])


def test_large_weights_do_not_overflow(model: Transformer) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(30)
    generator, ids = in_numpy(model), some_ids(1)
    with np.errstate(all="raise", under="ignore"):
        logits = generator.forward(ids, generator.new_cache(1))
    assert np.isfinite(logits).all()


def test_generation_needs_no_torch() -> None:
    program = (
        "import sys, attn_cli.generation.text_generator, attn_cli.runs.checkpoint\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


class UnknownBlock(Transformer):
    """A decoder whose kind of block NumPy has never heard of."""

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        super().__init__(config, vocab_size)
        self.config = config.model_copy(update={"block": "mamba"})


def test_numpy_refuses_an_unknown_block_by_name_and_torch_takes_its_place() -> None:
    model = UnknownBlock(ModelConfig(n_layer=1, n_head=1, n_embd=8, block_size=BLOCK), VOCAB)
    with pytest.raises(OperationError, match="does not know block: mamba"):
        in_numpy(model)
    generator, ids = as_next_token_model(model.eval()), some_ids(2)
    assert isinstance(generator, TorchModel)
    assert_same(generator.forward(ids, generator.new_cache(2)), whole_pass(model, ids)[:, -1])


def test_a_block_that_ignores_its_cache_is_refused_by_name(
    one_model: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = Block.forward
    monkeypatch.setattr(Block, "forward", lambda self, x, **_: forward(self, x))
    generator = TorchModel(one_model)
    with pytest.raises(OperationError, match=r"model\.block: gpt2 does not keep"):
        generator.forward(some_ids(2), generator.new_cache(2))


def test_numpy_refuses_an_unknown_position() -> None:
    config = ModelConfig(block_size=BLOCK).model_copy(update={"position": "alibi"})
    with pytest.raises(OperationError, match="does not know position: alibi"):
        NumpyModel(config, {})


def test_numpy_is_the_choice_for_what_it_knows(model: Transformer) -> None:
    assert isinstance(as_next_token_model(model), NumpyModel)
