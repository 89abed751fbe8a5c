"""Batches of a text, in an order that depends on nothing but the seed and the step.

    B batch   T time (characters) = block_size

An epoch cuts the text into consecutive windows of T characters, from a start that is
drawn anew for each epoch, and visits them in random order. Sequence number
`step * B + i` is a window of an epoch, found by a division; so a run that was
stopped, or one that is spread over processes, sees the same characters as one that
was not, and nothing needs to be saved for it.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

from attn_cli.text.token_cache import check_not_truncated
from attn_cli.text.tokenizer import TokenIds


class Batches:
    """The batches of one run over one text.

    Args:
        ids: The text, of shape (n,) with n > block_size; may be mapped from disk.
        block_size: Characters a sequence (T).
        batch_size: Sequences a batch (B).
        seed: Of the order; not negative.
        part: Which part of each batch to give, from 0.
        parts: Among how many processes batches are shared; divides B.
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
        self._share = batch_size // parts
        self._ids = ids
        # A view: row i holds the T inputs that start at i, and the target of the last.
        self._rows = sliding_window_view(np.asarray(ids), block_size + 1)
        # One less than would fit, so that windows can start anywhere in the first T
        # characters and every epoch still has the same number of them.
        self.windows_per_epoch = max(1, (len(ids) - block_size) // block_size)
        self._latest_start = len(ids) - 1 - self.windows_per_epoch * block_size
        self._cached: tuple[int, NDArray[Any], int] | None = None

    @property
    def chars_per_step(self) -> int:
        """Characters that a whole batch predicts: B * T."""
        return self.batch_size * self.block_size

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The inputs and targets of a step, both int64 of shape (B, T), or (B / parts, T).

        Targets are the inputs shifted by one: `y[:, :-1] == x[:, 1:]`.

        Raises:
            OperationError: A text that is mapped from disk was cut short there.
        """
        check_not_truncated(self._ids)
        first = step * self.batch_size + self._part * self._share
        sequences = np.arange(first, first + self._share, dtype=np.int64)
        epochs, places = np.divmod(sequences, self.windows_per_epoch)
        starts = np.empty(self._share, dtype=np.int64)
        for epoch in range(int(epochs[0]), int(epochs[-1]) + 1):
            here = epochs == epoch
            order, start = self._epoch(epoch)
            starts[here] = start + order[places[here]].astype(np.int64) * self.block_size
        return _inputs_and_targets(self._rows[starts])

    def _epoch(self, epoch: int) -> tuple[NDArray[Any], int]:
        """The order of an epoch's windows, and where the first one starts in the text."""
        # Remembered only because it takes time; it follows from the seed and the epoch.
        if self._cached is None or self._cached[0] != epoch:
            random = np.random.default_rng([self.seed, epoch])
            start = int(random.integers(self._latest_start + 1))
            # The smallest type that holds them: a text of 1 GB has millions of windows.
            windows = np.arange(
                self.windows_per_epoch, dtype=np.min_scalar_type(self.windows_per_epoch)
            )
            self._cached = (epoch, random.permutation(windows), start)
        return self._cached[1:]


def eval_windows(
    ids: TokenIds, block_size: int, batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Inputs and targets that predict every character but the first exactly once.

    Consecutive windows of `block_size`, `batch_size` of them at a time: int64 of shape
    (B, T), where the last batch may be smaller. What remains at the end of the text comes
    by itself, of shape (1, remainder).

    Args:
        ids: The text, of shape (n,); n - 1 characters are predicted.
        block_size: Characters a window (T).
        batch_size: Windows a batch (B).
    """
    text = np.asarray(ids)
    whole = max(0, len(text) - 1) // block_size
    if whole:
        rows = sliding_window_view(text, block_size + 1)[::block_size]  # (whole, T + 1)
        for first in range(0, whole, batch_size):
            check_not_truncated(ids)
            yield _inputs_and_targets(rows[first : first + batch_size])
    rest = text[whole * block_size :]
    if len(rest) > 1:
        yield _inputs_and_targets(rest[None, :])


def _inputs_and_targets(rows: NDArray[Any]) -> tuple[Tensor, Tensor]:
    """Rows of shape (B, T + 1) as inputs and targets of shape (B, T)."""
    inputs = rows[:, :-1].astype(np.int64, order="C")  # (B, T)
    targets = rows[:, 1:].astype(np.int64, order="C")  # (B, T)
    return torch.from_numpy(inputs), torch.from_numpy(targets)
