"""Texts of different lengths in padded batches, each of texts of about the same length.

Shapes: N texts, B of them in a batch, T time (characters).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

# Enough to keep the processor busy, small enough to stay in its caches.
TOKENS_PER_BATCH = 8192


class PaddedTexts(NamedTuple):
    """A batch of texts, padded at their ends."""

    indices: list[int]  # of the texts, B of them
    ids: Tensor  # (B, T), zeros after the end of a text
    mask: Tensor | None  # (B, 1, 1, T), whether a character is there; None where all are


def padded_batches(texts: Sequence[Sequence[int]]) -> Iterator[PaddedTexts]:
    """N texts, each of at least one id, in batches, from the shortest text to the longest.

    B * T of a batch is at most `TOKENS_PER_BATCH`, or B is 1.
    """
    batch: list[int] = []
    for index in sorted(range(len(texts)), key=lambda index: len(texts[index])):
        if batch and (len(batch) + 1) * len(texts[index]) > TOKENS_PER_BATCH:
            yield _padded(texts, batch)
            batch = []
        batch.append(index)
    if batch:
        yield _padded(texts, batch)


def _padded(texts: Sequence[Sequence[int]], indices: list[int]) -> PaddedTexts:
    lengths = torch.tensor([len(texts[index]) for index in indices])
    T = int(lengths.max())
    ids = torch.zeros(len(indices), T, dtype=torch.int64)
    for row, index in enumerate(indices):
        ids[row, : len(texts[index])] = torch.tensor(texts[index])
    is_text = torch.arange(T) < lengths[:, None]  # (B, T)
    return PaddedTexts(indices, ids, None if bool(is_text.all()) else is_text[:, None, None, :])
