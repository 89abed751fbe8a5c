"""Padded batches of examples, in an order that depends only on the seed and the step.

    B batch   T time (tokens)   N examples

An epoch visits all N examples in random order, one epoch after the other, B of them a step.
Examples of about the same length come together, so that little of a batch is padding: the order
is cut into pools of some steps, each pool is sorted by length and cut into batches, and these
come in random order. A batch follows from the seed and the step, so a resumed run, or one of
several processes, sees the same examples as an uninterrupted run of one process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from attn_cli.text.batches import IGNORE_INDEX, Batch, next_token_batch
from attn_cli.text.examples import Examples

# Whose examples are sorted by length together: more save padding, and make batches less alike.
POOL_STEPS = 8
# Some examples as a batch of so many tokens each, or of as many as the longest has.
MakeBatch = Callable[[Examples, int | None], Batch]
_EPOCH, _POOL = 0, 1  # what a random order is of


class ExampleBatches:
    """The batches of one run over some examples.

    Args:
        examples: At least one, none with more targets than the model's block_size.
        batch_size: Examples in a batch (B).
        seed: Determines the order; not negative.
        part: Which part of each batch to return, from 0.
        parts: The number of processes that share each batch; divides B.
        make_batch: Of some examples; by default `padded_batch`.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        seed: int,
        part: int = 0,
        parts: int = 1,
        make_batch: MakeBatch | None = None,
    ) -> None:
        self._make_batch = make_batch or padded_batch
        self.batch_size = batch_size
        self.seed = seed
        self._examples = examples
        self._part, self._parts = part, parts
        # At most an epoch: an example comes twice in a pool only where two epochs meet.
        self._pool_steps = min(POOL_STEPS, max(1, len(examples) // batch_size))
        self._epochs: dict[int, NDArray[Any]] = {}
        self._pool: tuple[int, NDArray[Any]] | None = None

    @property
    def steps_per_epoch(self) -> float:
        """Steps after which every example was visited once."""
        return len(self._examples) / self.batch_size

    @property
    def lengths_vary(self) -> bool:
        """Whether T is not the same for all batches."""
        return True

    @property
    def max_length(self) -> int:
        """The largest T of a batch."""
        return min(padded_length(self._examples.longest), self._examples.max_targets)

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0: inputs of shape (B / parts, T), and targets.

        T is the number of targets of its longest example, rounded up by `padded_length`.

        Raises:
            OperationError: A file that the examples are mapped from was truncated.
        """
        pool, place = divmod(step, self._pool_steps)
        indices = self._sorted_pool(pool)[place]  # (B,), the shortest first
        return self._make_batch(self._examples[indices[self._part :: self._parts]], None)

    def _sorted_pool(self, pool: int) -> NDArray[Any]:
        """The examples of each step of a pool, (steps, B)."""
        # Cached only for speed, as is an epoch: it follows from the seed and its number.
        if self._pool is None or self._pool[0] != pool:
            size = self._pool_steps * self.batch_size
            indices = self._in_order(pool * size, size)
            order = np.argsort(self._examples[indices].lengths, kind="stable")
            steps = indices[order].reshape(self._pool_steps, self.batch_size)
            random = np.random.default_rng([self.seed, _POOL, pool])
            self._pool = pool, random.permutation(steps)
        return self._pool[1]

    def _in_order(self, first: int, number: int) -> NDArray[Any]:
        """The examples numbered from `first` on, through the epochs, before sorting."""
        epochs, places = np.divmod(np.arange(first, first + number), len(self._examples))
        needed = range(int(epochs[0]), int(epochs[-1]) + 1)
        self._epochs = {epoch: self._epoch(epoch) for epoch in needed}
        return np.concatenate([self._epochs[epoch][places[epochs == epoch]] for epoch in needed])

    def _epoch(self, epoch: int) -> NDArray[Any]:
        """An epoch's order of the examples, (N,)."""
        if epoch in self._epochs:
            return self._epochs[epoch]
        number = len(self._examples)
        random = np.random.default_rng([self.seed, _EPOCH, epoch])
        # In the smallest type: there may be millions of them.
        return random.permutation(np.arange(number, dtype=np.min_scalar_type(number)))


def eval_examples(
    examples: Examples, tokens_per_batch: int, make_batch: MakeBatch | None = None
) -> Iterator[Batch]:
    """Batches that predict every target of some examples exactly once, in their order.

    Args:
        examples: Sorted by length, they need little padding.
        tokens_per_batch: B * T of a batch is at most this, or B is 1.
        make_batch: Of some examples; by default `padded_batch`.
    """
    make_batch = make_batch or padded_batch
    counts, first = examples.lengths, 0
    while first < len(counts):
        widths = np.maximum.accumulate(counts[first : first + tokens_per_batch])
        sizes = np.arange(1, len(widths) + 1) * widths  # of batches that end there
        number = max(1, int(np.count_nonzero(sizes <= tokens_per_batch)))
        yield make_batch(examples[first : first + number], int(widths[number - 1]))
        first += number


def equal_length_batches(examples: Examples, batch_size: int) -> Iterator[Batch]:
    """Batches of up to so many examples of the same length, without padding, the shortest first."""
    examples = examples.by_length()
    counts = examples.target_counts
    for width in np.unique(counts).tolist():
        same = examples[counts == width]
        for first in range(0, len(same), batch_size):
            yield padded_batch(same[first : first + batch_size], width)


def labelled_batch(examples: Examples, width: int | None = None) -> Batch:
    """Some examples as inputs (B, T), padded at their ends, and their labels as targets (B,).

    Args:
        examples: They have labels.
        width: As in `padded_batch`; the newline before each counts.
    """
    batch = padded_batch(examples, width)
    is_text = batch.targets != IGNORE_INDEX  # (B, T)
    return Batch(
        inputs=batch.inputs,
        targets=torch.from_numpy(examples.labels.astype(np.int64)),
        mask=None if bool(is_text.all()) else is_text[:, None, None, :],  # (B, 1, 1, T)
    )


def padded_batch(examples: Examples, width: int | None = None) -> Batch:
    """Some examples as inputs and targets of shape (B, T), padded at their ends.

    Args:
        examples: Which.
        width: T; by default the longest one's targets, rounded up by `padded_length`.
    """
    counts = examples.target_counts  # (B,)
    if width is None:
        width = min(padded_length(int(counts.max())), examples.max_targets)
    batch = next_token_batch(examples.padded(width))
    batch.targets[torch.from_numpy(np.arange(width) >= counts[:, None])] = IGNORE_INDEX
    return batch


def padded_length(length: int) -> int:
    """A length rounded up by a quarter of it at most, so that batches have few shapes."""
    unit = 1 << max(0, (length - 1).bit_length() - 3)
    return -(-length // unit) * unit
