"""Characters hidden in a text, for a model that predicts them from both sides.

Shapes: B batch, T time (characters).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attn_cli.text.batches import IGNORE_INDEX, Batch, TrainingBatches

# Readings of a text by which each of its characters is hidden once.
PASSES = 7


class MaskedBatches:
    """Batches in which spans are hidden, which follow from the seed and the step.

    Args:
        batches: The next characters of the same texts, of all processes.
        block_size: The longest sequence (T).
        mask_id: Stands for a hidden character.
        fraction: How much of a text is hidden, about.
        span: The mean length of what is hidden together.
        first: How many characters at the beginning of each sequence are never hidden.
        seed: Determines what is hidden; not negative.
        part: Which part of each batch to return, from 0.
        parts: The number of processes that share each batch.
    """

    def __init__(
        self,
        batches: TrainingBatches,
        block_size: int,
        *,
        mask_id: int,
        fraction: float,
        span: float,
        first: int = 0,
        seed: int = 0,
        part: int = 0,
        parts: int = 1,
    ) -> None:
        self._batches = batches
        self._block_size = block_size
        self._mask_id = mask_id
        self._fraction, self._span, self._first = fraction, span, first
        self._seed = seed
        self._part, self._parts = part, parts

    @property
    def steps_per_epoch(self) -> float:
        """Steps after which all of the training split was visited once."""
        return self._batches.steps_per_epoch

    @property
    def lengths_vary(self) -> bool:
        """Whether T is not the same for all batches."""
        return self._batches.lengths_vary

    @property
    def max_length(self) -> int:
        """The largest T of a batch, in tokens."""
        return self._batches.max_length

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0: its targets are what is hidden in its inputs."""
        whole = self._batches.batch(step)
        random = np.random.default_rng([self._seed, step])
        B, T = whole.inputs.shape
        # As wide for every batch, so that the first T are hidden alike whatever T is.
        spans = random_spans(random, (B, self._block_size), self._fraction, self._span)[:, :T]
        hidden = hide(whole, torch.from_numpy(spans), self._mask_id, self._first)
        if not hidden.target_count:  # a step needs something to predict
            spans[0, self._first] = True
            hidden = hide(whole, torch.from_numpy(spans), self._mask_id, self._first)
        return hidden[self._part :: self._parts]


def random_spans(
    random: np.random.Generator, shape: tuple[int, int], fraction: float, span: float
) -> NDArray[np.bool_]:
    """Which characters are hidden, (B, T): spans of random lengths, apart from one another.

    Lengths are geometric with mean `span`, and so are the gaps between them; each character is
    hidden with probability `fraction`. With `span` = 1 / (1 - `fraction`) they are independent.
    """
    leave = 1 / span
    enter = leave * fraction / (1 - fraction)
    draws = random.random(shape)
    hidden = draws < fraction
    for t in range(1, shape[1]):
        hidden[:, t] = draws[:, t] < np.where(hidden[:, t - 1], 1 - leave, enter)
    return hidden


def hide(batch: Batch, hidden: Tensor, mask_id: int, first: int = 0) -> Batch:
    """A batch of next characters as one of hidden characters.

    Args:
        batch: Its inputs, (B, T), are the texts; where it has no target, there is padding.
        hidden: Which characters to hide, (B, T) of bool; padding never is.
        mask_id: Stands for a hidden character.
        first: How many at the beginning of each text are never hidden.
    """
    text, is_text = batch.inputs, batch.targets != IGNORE_INDEX  # (B, T)
    hidden = hidden & is_text
    hidden[:, :first] = False
    return Batch(
        inputs=text.masked_fill(hidden, mask_id),
        targets=text.masked_fill(~hidden, IGNORE_INDEX),
        mask=None if bool(is_text.all()) else is_text[:, None, None, :],  # (B, 1, 1, T)
    )


def hide_each_once(
    batches: Iterable[Batch], block_size: int, mask_id: int, first: int = 0
) -> Iterator[Batch]:
    """Each text `PASSES` times, row after row, so that every character is hidden in one of them.

    What is hidden together is spread over the text, about 1 of `PASSES` characters, and the same
    in every run: a measurement can be repeated.
    """
    passes = np.random.default_rng(0).permutation(block_size) % PASSES
    hidden = torch.from_numpy(passes == np.arange(PASSES)[:, None])  # (PASSES, block_size)
    for batch in batches:
        B, T = batch.inputs.shape
        readings = Batch(
            batch.inputs.repeat_interleave(PASSES, dim=0),  # (B * PASSES, T)
            batch.targets.repeat_interleave(PASSES, dim=0),
        )
        yield hide(readings, hidden[:, :T].repeat(B, 1), mask_id, first)
