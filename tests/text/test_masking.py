"""What is hidden in a text, and that nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attn_cli.text.batches import IGNORE_INDEX, Batch, Batches, eval_windows
from attn_cli.text.masking import PASSES, MaskedBatches, hide, hide_each_once, random_spans

MASK_ID = 97
B, T = 6, 17


def batches(part: int = 0, parts: int = 1, seed: int = 3) -> MaskedBatches:
    inner = Batches(np.arange(1_000) % MASK_ID, T, B, seed=11)
    return MaskedBatches(
        inner, T, mask_id=MASK_ID, fraction=0.3, span=2.0, seed=seed, part=part, parts=parts
    )


def test_the_targets_are_what_is_hidden_and_nothing_else() -> None:
    whole = Batches(np.arange(1_000) % MASK_ID, T, B, seed=11).batch(4)
    batch = batches().batch(4)
    hidden = batch.inputs == MASK_ID
    assert 0 < hidden.sum() < hidden.numel()
    assert torch.equal(batch.targets[hidden], whole.inputs[hidden])
    assert torch.equal(batch.inputs[~hidden], whole.inputs[~hidden])
    assert (batch.targets[~hidden] == IGNORE_INDEX).all()
    assert batch.mask is None


def test_a_batch_follows_from_the_seed_and_the_step() -> None:
    one, other = batches(), batches()
    other.batch(9)
    assert torch.equal(one.batch(4).inputs, other.batch(4).inputs)
    assert not torch.equal(one.batch(4).inputs, one.batch(5).inputs)
    assert not torch.equal(one.batch(4).inputs, batches(seed=4).batch(4).inputs)


def test_processes_share_what_one_alone_would_see() -> None:
    whole = batches().batch(2).inputs.tolist()
    shared = [batches(part, 3).batch(2).inputs.tolist() for part in range(3)]
    assert sorted(row for part in shared for row in part) == sorted(whole)


@pytest.mark.parametrize(("fraction", "span"), [(0.15, 1.0), (0.3, 2.0), (0.5, 5.0)])
def test_as_much_is_hidden_as_was_asked_for(fraction: float, span: float) -> None:
    hidden = random_spans(np.random.default_rng(5), (200, 1_000), fraction, span)
    assert hidden.mean() == pytest.approx(fraction, abs=0.01)
    assert hidden[:, 0].mean() == pytest.approx(fraction, abs=0.1)
    begins = hidden[:, 1:] & ~hidden[:, :-1]
    assert hidden.sum() / begins.sum() == pytest.approx(span, rel=0.05)


def test_padding_and_the_beginning_are_never_hidden() -> None:
    inputs = torch.arange(12).view(2, 6)
    targets = torch.tensor(
        [[1, 2, 3, 4, 5, 6], [7, 8, 9, IGNORE_INDEX, IGNORE_INDEX, IGNORE_INDEX]]
    )
    batch = hide(Batch(inputs, targets), torch.ones(2, 6, dtype=torch.bool), MASK_ID, first=1)
    assert batch.inputs.tolist() == [[0, *[MASK_ID] * 5], [6, MASK_ID, MASK_ID, 9, 10, 11]]
    assert batch.target_count == 5 + 2
    assert batch.mask is not None
    assert batch.mask.shape == (2, 1, 1, 6)
    assert batch.mask[1, 0, 0].tolist() == [True] * 3 + [False] * 3


def test_an_evaluation_hides_every_character_once() -> None:
    text = np.arange(41) % MASK_ID
    read = list(hide_each_once(eval_windows(text, T, 2), T, MASK_ID))
    assert [batch.inputs.shape for batch in read] == [(2 * PASSES, T), (PASSES, 40 - 2 * T)]
    hidden = [batch.targets != IGNORE_INDEX for batch in read]
    predicted = np.concatenate(
        [batch.targets[each] for batch, each in zip(read, hidden, strict=True)]
    )
    assert sorted(predicted.tolist()) == sorted(text[:-1].tolist())
    assert max(int(each.sum(dim=1).max()) for each in hidden) <= -(-T // PASSES)


def test_a_step_always_has_something_to_predict() -> None:
    inner = Batches(np.arange(60) % MASK_ID, 2, 1, seed=11)
    rare = MaskedBatches(inner, 2, mask_id=MASK_ID, fraction=1e-6, span=1.0)
    assert all(rare.batch(step).target_count == 1 for step in range(20))
