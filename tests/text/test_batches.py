import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attn_cli.errors import OperationError
from attn_cli.text.batches import IGNORE_INDEX, Batch, Batches, eval_windows

sizes = given(
    block_size=st.integers(1, 7),
    batch_size=st.integers(1, 5),
    more=st.integers(1, 60),
    seed=st.integers(0, 2**32),
)


def counting(n: int) -> np.ndarray:
    """Ids that tell where they stand."""
    return np.arange(n, dtype=np.uint16)


def starts_of(batches: Batches, first: int, number: int) -> list[int]:
    """Where the sequences `first` to `first + number` start, of ids that count."""
    x = torch.cat([batches.batch(step).inputs for step in range(first + number)])
    return x[first : first + number, 0].tolist()


@settings(max_examples=50)
@sizes
def test_targets_are_the_inputs_shifted_by_one(
    block_size: int, batch_size: int, more: int, seed: int
) -> None:
    batches = Batches(counting(block_size + more), block_size, batch_size, seed)
    for step in range(4):
        batch = batches.batch(step)
        x, y = batch.inputs, batch.targets
        assert x.shape == y.shape == (batch_size, block_size)
        assert x.dtype == y.dtype == torch.int64
        assert x.is_contiguous()
        assert y.is_contiguous()
        assert torch.equal(y, x + 1)
        assert torch.equal(x, x[:, :1] + torch.arange(block_size))
        assert int(y.max()) < block_size + more


@settings(max_examples=50)
@sizes
def test_an_epoch_visits_each_of_its_windows_once(
    block_size: int, batch_size: int, more: int, seed: int
) -> None:
    batches = Batches(counting(block_size + more), block_size, batch_size, seed)
    number = batches.windows_per_epoch
    for epoch in range(3):
        starts = sorted(starts_of(batches, epoch * number, number))
        assert starts == list(range(starts[0], starts[0] + number * block_size, block_size))


@settings(max_examples=25)
@sizes
def test_a_batch_depends_on_nothing_but_seed_and_step(
    block_size: int, batch_size: int, more: int, seed: int
) -> None:
    ids = counting(block_size + more)
    in_order = Batches(ids, block_size, batch_size, seed)
    expected = [in_order.batch(step).inputs for step in range(12)]
    backwards = Batches(ids, block_size, batch_size, seed)
    for step in reversed(range(12)):
        assert torch.equal(backwards.batch(step).inputs, expected[step])
        assert torch.equal(
            Batches(ids, block_size, batch_size, seed).batch(step).inputs, expected[step]
        )


def test_the_size_of_the_batch_does_not_change_the_order() -> None:
    ids = counting(500)
    one, twelve = Batches(ids, 8, 1, seed=3), Batches(ids, 8, 12, seed=3)
    assert starts_of(one, 0, 120) == starts_of(twelve, 0, 120)


def test_seeds_and_epochs_differ() -> None:
    ids = counting(5000)
    batches = Batches(ids, 8, 1, seed=3)
    number = batches.windows_per_epoch
    first, second = starts_of(batches, 0, number), starts_of(batches, number, number)
    assert first != second
    assert first != sorted(first)
    assert starts_of(Batches(ids, 8, 1, seed=4), 0, number) != first


def test_windows_start_anywhere_and_every_character_has_its_turn() -> None:
    ids = counting(50)
    batches = Batches(ids, 7, 3, seed=0)
    rows = torch.cat([batches.batch(step).inputs for step in range(200)])
    targets = torch.cat([batches.batch(step).targets for step in range(200)])
    assert set(rows.flatten().tolist()) == set(range(49))
    assert set(targets.flatten().tolist()) == set(range(1, 50))
    assert set((rows[:, 0] % 7).tolist()) == set(range(7))


def test_a_text_of_one_window() -> None:
    batches = Batches(counting(6), block_size=5, batch_size=4, seed=0)
    batch = batches.batch(7)
    assert batch.inputs.tolist() == [[0, 1, 2, 3, 4]] * 4
    assert batch.targets.tolist() == [[1, 2, 3, 4, 5]] * 4


def test_steps_per_epoch() -> None:
    assert Batches(counting(96), 16, 3, seed=0).steps_per_epoch == 2


@given(st.integers(0, 60), st.integers(1, 9), st.integers(1, 5))
def test_windows_predict_every_character_but_the_first_once(
    n: int, block_size: int, batch_size: int
) -> None:
    ids = np.arange(n, dtype=np.uint8)
    pairs = [(each.inputs, each.targets) for each in eval_windows(ids, block_size, batch_size)]
    inputs = [int(token) for x, _ in pairs for token in x.flatten()]
    targets = [int(token) for _, y in pairs for token in y.flatten()]
    assert inputs == list(range(max(0, n - 1)))
    assert targets == list(range(1, n))
    for x, y in pairs[:-1]:
        assert x.shape == y.shape
        assert x.shape[1] == block_size
        assert x.shape[0] <= batch_size
    if n > 1 and (n - 1) % block_size:
        assert pairs[-1][0].shape == (1, (n - 1) % block_size)
    assert all(x.dtype == y.dtype == torch.int64 for x, y in pairs)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32"])
def test_ids_mapped_from_disk(tmp_path_factory: pytest.TempPathFactory, dtype: str) -> None:
    ids = np.random.default_rng(0).integers(0, 200, 3000).astype(dtype)
    path = tmp_path_factory.mktemp("ids") / "ids"
    path.write_bytes(ids.tobytes())
    mapped = np.memmap(path, dtype=dtype, mode="r")
    here, there = Batches(ids, 13, 5, seed=1), Batches(mapped, 13, 5, seed=1)
    for step in (0, 100):
        assert torch.equal(here.batch(step).inputs, there.batch(step).inputs)
        assert torch.equal(here.batch(step).targets, there.batch(step).targets)
    for one, other in zip(eval_windows(ids, 13, 5), eval_windows(mapped, 13, 5), strict=True):
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.targets, other.targets)


def test_a_mapped_text_that_is_cut_short_is_an_error(tmp_path: Path) -> None:
    """Read on, it would end the process."""
    path = tmp_path / "text.ids"
    np.arange(200, dtype=np.uint8).tofile(path)
    ids = np.memmap(path, dtype=np.uint8, mode="r")
    train, validation = Batches(ids[:180], 8, 4, seed=0), ids[180:]
    train.batch(0)
    os.truncate(path, 50)
    with pytest.raises(
        OperationError, match=r"text\.ids were truncated while they were being read"
    ):
        train.batch(1)
    with pytest.raises(OperationError, match="truncated"):
        next(eval_windows(validation, 8, 4))


class TestBatch:
    inputs = torch.arange(35).view(5, 7)
    targets = inputs + 1
    whole = Batch(inputs, targets, source=inputs[:, :3], mask=inputs[:, None, None, :3] > 4)

    def test_counts_the_targets_that_are_predicted(self) -> None:
        targets = self.targets.clone()
        targets[0], targets[3, 4:] = IGNORE_INDEX, IGNORE_INDEX
        assert self.whole.target_count == 35
        assert Batch(self.inputs, targets).target_count == 25
        losses = torch.nn.functional.cross_entropy(
            torch.zeros(35, 36), targets.flatten(), reduction="none"
        )
        assert int((losses > 0).sum()) == 25, "and a loss is summed over as many"

    def test_splits_every_tensor_by_sequence(self) -> None:
        parts = list(self.whole.split(2))
        assert [len(part.inputs) for part in parts] == [2, 2, 1]
        for name, tensor in vars(self.whole).items():
            assert torch.equal(torch.cat([getattr(part, name) for part in parts]), tensor)

    def test_moves_what_it_has(self) -> None:
        moved = Batch(self.inputs, self.targets).to(torch.device("meta"))
        assert moved.inputs.is_meta
        assert moved.targets.is_meta
        assert moved.source is None
        assert self.whole.to(torch.device("meta")).mask.is_meta
