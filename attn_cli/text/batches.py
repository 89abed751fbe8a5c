"""Batches of a text, in an order that depends only on the seed and the step.

    B batch   T time (tokens) = block_size   S source

An epoch cuts the text into consecutive windows of T tokens, from a start that is drawn
anew for each epoch, and visits them in random order. Sequence number `step * B + i` is a
window of an epoch, found by a division; so a resumed run, or one of several processes,
sees the same tokens as an uninterrupted run of one process, and nothing needs to be saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

from attn_cli.text.token_cache import check_not_truncated
from attn_cli.text.tokenizer import TokenIds

IGNORE_INDEX = -100  # a target that is not predicted; cross_entropy leaves it out by default


@dataclass(frozen=True, eq=False)
class Batch:
    """Sequences, and what a model has to predict at each of their positions.

    Attributes:
        inputs: Token ids, (B, T) of int64.
        targets: The id to predict at each position, (B, T) of int64; `IGNORE_INDEX` where
            there is none. Or the label to predict for each sequence, (B,) of int64.
        source: Token ids of the texts that the inputs attend to, (B, S); None without one.
        mask: Which keys attention may see, bool (B, 1, T or 1, S); None for all of them.
    """

    inputs: Tensor
    targets: Tensor
    source: Tensor | None = None
    mask: Tensor | None = None

    @property
    def target_count(self) -> int:
        """How many targets a loss over this batch is summed over."""
        return int((self.targets != IGNORE_INDEX).sum())

    @property
    def char_count(self) -> int:
        """How many characters are learned from: those to predict, or all that have a label."""
        if self.targets.dim() == self.inputs.dim():
            return self.target_count
        return int(self.inputs.numel() if self.mask is None else self.mask.sum())

    def to(self, device: torch.device) -> Batch:
        """This batch on a device."""

        def moved(tensor: Tensor) -> Tensor:
            if device.type != "cuda":
                return tensor.to(device)
            # From pinned memory, the copy overlaps with what the GPU is computing.
            return tensor.pin_memory().to(device, non_blocking=True)

        return self._map(moved)

    def split(self, micro_batch_size: int) -> Iterator[Batch]:
        """Consecutive parts of `micro_batch_size` sequences; the last may have fewer."""
        for first in range(0, len(self.inputs), micro_batch_size):
            yield self[first : first + micro_batch_size]

    def __getitem__(self, sequences: slice) -> Batch:
        """Some of its sequences."""
        return self._map(lambda tensor: tensor[sequences])

    def _map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        tensors = {name: each for name, each in vars(self).items() if each is not None}
        return replace(self, **{name: change(tensor) for name, tensor in tensors.items()})


class TrainingBatches(Protocol):
    """The training batches of a run, each a pure function of the seed and the step."""

    @property
    def steps_per_epoch(self) -> float:
        """Steps after which all of the training split was visited once."""
        ...

    @property
    def lengths_vary(self) -> bool:
        """Whether T is not the same for all batches."""
        ...

    @property
    def max_length(self) -> int:
        """The largest T of a batch, in tokens."""
        ...

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        ...


class Batches:
    """The batches of one run over one text, in which each token predicts the next.

    Args:
        ids: The text, of shape (n,) with n > block_size; may be mapped from disk.
        block_size: Tokens in a sequence (T).
        batch_size: Sequences in a batch (B).
        seed: Determines the order; not negative.
        part: Which part of each batch to return, from 0.
        parts: The number of processes that share each batch; divides B.
    """

    def __init__(
        self,
        ids: TokenIds,
        block_size: int,
        batch_size: int,
        seed: int,
        part: int = 0,
        parts: int = 1,
    ) -> None:
        self.block_size = block_size
        self.batch_size = batch_size
        self.seed = seed
        self._part = part
        self._local_batch_size = batch_size // parts
        self._ids = ids
        # A view: row i holds the T inputs that start at i, then the last one's target.
        self._rows = sliding_window_view(np.asarray(ids), block_size + 1)
        # One less than would fit, so that windows can start at any of the first T tokens
        # and every epoch still has the same number of them.
        self.windows_per_epoch = max(1, (len(ids) - block_size) // block_size)
        self._latest_start = len(ids) - 1 - self.windows_per_epoch * block_size
        self._cached: tuple[int, NDArray[Any], int] | None = None

    @property
    def steps_per_epoch(self) -> float:
        """Steps after which as many tokens were predicted as the text has."""
        return len(self._ids) / (self.batch_size * self.block_size)

    @property
    def lengths_vary(self) -> bool:
        """Whether T is not the same for all batches."""
        return False

    @property
    def max_length(self) -> int:
        """T of every batch."""
        return self.block_size

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0: inputs and targets of shape (B / parts, T).

        Targets are the inputs shifted by one: `targets[:, :-1] == inputs[:, 1:]`.

        Raises:
            OperationError: The file that the ids are mapped from was truncated.
        """
        check_not_truncated(self._ids)
        first = step * self.batch_size + self._part * self._local_batch_size
        sequences = np.arange(first, first + self._local_batch_size, dtype=np.int64)
        epochs, indices = np.divmod(sequences, self.windows_per_epoch)
        starts = np.empty(self._local_batch_size, dtype=np.int64)
        for epoch in range(int(epochs[0]), int(epochs[-1]) + 1):
            here = epochs == epoch
            order, start = self._epoch(epoch)
            starts[here] = start + order[indices[here]].astype(np.int64) * self.block_size
        return next_token_batch(self._rows[starts])

    def _epoch(self, epoch: int) -> tuple[NDArray[Any], int]:
        """The order of an epoch's windows, and where the first window starts in the text."""
        # Cached only for speed: it follows from the seed and the epoch.
        if self._cached is None or self._cached[0] != epoch:
            random = np.random.default_rng([self.seed, epoch])
            start = int(random.integers(self._latest_start + 1))
            # In the smallest type: a text of 1 GB has millions of windows.
            windows = np.arange(
                self.windows_per_epoch, dtype=np.min_scalar_type(self.windows_per_epoch)
            )
            self._cached = (epoch, random.permutation(windows), start)
        return self._cached[1:]


def eval_windows(ids: TokenIds, block_size: int, batch_size: int) -> Iterator[Batch]:
    """Batches that predict every token of a text (n,) but the first exactly once.

    Consecutive windows of `block_size`, `batch_size` of them at a time; the last batch may
    be smaller. What remains at the end of the text comes last, of shape (1, remainder).

    Raises:
        OperationError: The file that the ids are mapped from was truncated.
    """
    text = np.asarray(ids)
    full = max(0, len(text) - 1) // block_size
    if full:
        rows = sliding_window_view(text, block_size + 1)[::block_size]  # (full, T + 1)
        for first in range(0, full, batch_size):
            check_not_truncated(ids)
            yield next_token_batch(rows[first : first + batch_size])
    rest = text[full * block_size :]
    if len(rest) > 1:
        yield next_token_batch(rest[None, :])


def next_token_batch(rows: NDArray[Any]) -> Batch:
    """Rows of shape (B, T + 1) as inputs and targets of shape (B, T)."""
    inputs = rows[:, :-1].astype(np.int64, order="C")  # (B, T)
    targets = rows[:, 1:].astype(np.int64, order="C")  # (B, T)
    return Batch(torch.from_numpy(inputs), torch.from_numpy(targets))
