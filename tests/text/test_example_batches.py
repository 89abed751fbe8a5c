"""Padded batches of lines: every line once, in an order that only the seed and the step decide."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attn_cli.text.batches import IGNORE_INDEX, Batch
from attn_cli.text.example_batches import (
    POOL_STEPS,
    ExampleBatches,
    equal_length_batches,
    eval_examples,
    padded_length,
)
from attn_cli.text.examples import Examples
from attn_cli.text.lines import find_lines
from attn_cli.text.tokenizer import printable_tokenizer

TOKENIZER = printable_tokenizer()


def numbered(count: int, seed: int = 0) -> Examples:
    """Different lines of different lengths: each begins with its number."""
    lengths = np.random.default_rng(seed).integers(1, 30, count)
    text = "\n".join(f"{i} " + "x" * length for i, length in enumerate(lengths))
    return find_lines(TOKENIZER.encode(text), TOKENIZER)


def numbers_of(batch: Batch) -> list[int]:
    """The numbers of the lines of a batch."""
    return [
        int(TOKENIZER.decode(row[row != IGNORE_INDEX]).split()[0]) for row in batch.targets.numpy()
    ]


def targets_of(batches: list[Batch]) -> list[str]:
    return [TOKENIZER.decode(row[row >= 0]) for each in batches for row in each.targets.numpy()]


sizes = given(count=st.integers(1, 60), batch_size=st.integers(1, 9), seed=st.integers(0, 2**32))


@settings(max_examples=50, deadline=None)
@sizes
def test_no_line_is_lost_or_comes_twice_in_an_epoch(count: int, batch_size: int, seed: int) -> None:
    batches = ExampleBatches(numbered(count), batch_size, seed)
    epoch = batches.steps_per_epoch
    assert epoch == count / batch_size
    pool = min(POOL_STEPS, max(1, count // batch_size))  # steps that are sorted together
    seen: Counter[int] = Counter()
    for step in range(4 * pool):
        seen.update(numbers_of(batches.batch(step)))
        if (step + 1) % pool == 0:
            whole, rest = divmod((step + 1) * batch_size, count)
            assert set(seen.values()) <= {whole, whole + 1}
            assert sum(times == whole + 1 for times in seen.values()) in (rest, count)
            assert len(seen) == (count if whole else rest)


@settings(max_examples=25, deadline=None)
@sizes
def test_a_batch_depends_on_nothing_but_seed_and_step(
    count: int, batch_size: int, seed: int
) -> None:
    examples = numbered(count)
    in_order = ExampleBatches(examples, batch_size, seed)
    expected = [in_order.batch(step) for step in range(12)]
    backwards = ExampleBatches(examples, batch_size, seed)
    for step in reversed(range(12)):
        for batches in (backwards, ExampleBatches(examples, batch_size, seed)):
            batch = batches.batch(step)
            assert torch.equal(batch.inputs, expected[step].inputs)
            assert torch.equal(batch.targets, expected[step].targets)


@pytest.mark.parametrize("parts", [2, 3])
def test_processes_share_the_lines_of_a_batch(parts: int) -> None:
    examples = numbered(50)
    whole = ExampleBatches(examples, 12, seed=1)
    shares = [ExampleBatches(examples, 12, 1, part, parts) for part in range(parts)]
    for step in range(10):
        numbers = [number for each in shares for number in numbers_of(each.batch(step))]
        assert Counter(numbers) == Counter(numbers_of(whole.batch(step)))
        assert all(len(each.batch(step).inputs) == 12 // parts for each in shares)


def test_seeds_and_epochs_differ() -> None:
    examples = numbered(60)
    batches, other = ExampleBatches(examples, 6, seed=3), ExampleBatches(examples, 6, seed=4)
    first, second, others = (
        [numbers_of(each.batch(step)) for step in steps]
        for each, steps in ((batches, range(10)), (batches, range(10, 20)), (other, range(10)))
    )
    assert first != second
    assert first != others


def test_each_line_between_two_newlines_and_nothing_predicted_beyond() -> None:
    newline = TOKENIZER.symbols.index("\n")
    batch = ExampleBatches(numbered(40), 8, seed=0).batch(1)
    for inputs, targets in zip(batch.inputs, batch.targets, strict=True):
        count = int((targets != IGNORE_INDEX).sum())
        assert inputs[0] == newline
        assert targets[count - 1] == newline
        assert torch.equal(inputs[1:count], targets[: count - 1])
        assert (targets[count:] == IGNORE_INDEX).all()
        assert newline not in targets[: count - 1]


def test_lines_of_about_the_same_length_come_together() -> None:
    examples = numbered(1000)
    batches = ExampleBatches(examples, 8, seed=0)
    shapes = Counter(batches.batch(step).inputs.shape[1] for step in range(125))
    assert len(shapes) > 2
    assert sum(8 * width * number for width, number in shapes.items()) < 1.2 * examples.n_targets


@pytest.mark.parametrize("tokens", [1, 40, 1000])
@pytest.mark.parametrize("sort", [False, True])
def test_evaluation_reads_every_line_once_in_order(tokens: int, sort: bool) -> None:
    examples = numbered(50).by_length() if sort else numbered(50)
    batches = list(eval_examples(examples, tokens))
    assert "".join(targets_of(batches)) == TOKENIZER.decode(examples.joined())[1:]
    assert all(each.inputs.numel() <= tokens or len(each.inputs) == 1 for each in batches)
    if tokens == 1000:
        assert len(batches) < 10


def test_batches_of_equal_length_have_no_padding() -> None:
    examples = numbered(50)
    batches = list(equal_length_batches(examples, 4))
    assert Counter(targets_of(batches)) == Counter(targets_of(list(eval_examples(examples, 9))))
    assert all((each.targets != IGNORE_INDEX).all() and len(each.inputs) <= 4 for each in batches)


@given(st.integers(1, 10_000))
def test_padded_lengths_are_few_and_near(length: int) -> None:
    padded = padded_length(length)
    assert length <= padded <= 1.25 * length
    assert padded_length(padded) == padded


def test_there_are_few_padded_lengths() -> None:
    assert sorted({padded_length(length) for length in range(1, 65)}) == [
        *range(1, 9), 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64,
    ]  # fmt: skip


def test_no_batch_is_wider_than_the_model() -> None:
    examples = numbered(20).fit(10, "cut")
    batch = ExampleBatches(examples, 20, seed=0).batch(0)
    assert batch.inputs.shape == (20, 10)
