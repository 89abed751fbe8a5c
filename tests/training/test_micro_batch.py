"""Pieces of a batch divide it, and are as large as asked for or as is good for a CPU."""

import pytest
import torch

from attn_cli.training.micro_batch import MAX_ACTIVATION_NUMEL, choose_micro_batch
from tests.conftest import tiny_config

CPU = torch.device("cpu")


def test_what_was_asked_for_is_taken() -> None:
    assert choose_micro_batch(tiny_config("train.micro_batch_size=2"), CPU) == 2


@pytest.mark.parametrize("batch", [1, 7, 12, 64, 97])
def test_auto_divides_the_batch_and_stays_within_a_piece(batch: int) -> None:
    config = tiny_config(f"train.batch_size={batch}", "model.block_size=512", "model.n_embd=768")
    size = choose_micro_batch(config, CPU)
    assert batch % size == 0
    assert size == 1 or size * 512 * 768 <= MAX_ACTIVATION_NUMEL


def test_a_small_model_takes_the_whole_batch() -> None:
    assert choose_micro_batch(tiny_config("train.batch_size=64"), CPU) == 64
