"""The nearest texts to each of some texts, by their vectors.

Shapes: N texts, B of them at a time, C channels = n_embd.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from attn_cli.inspection.embedding import Vectors

_BLOCK = 512  # texts that are compared with all others at once


@dataclass(frozen=True)
class Neighbour:
    """A text near another: its index, and the cosine of the angle between their vectors."""

    index: int
    similarity: float


def nearest(vectors: Vectors, count: int) -> Iterator[list[Neighbour]]:
    """The nearest `count` other texts to each of N, the most similar first.

    Vectors of hidden states all point in much the same direction (Ethayarajh 2019), so the cosine
    is that of their deviations from their mean.

    Args:
        vectors: (N, C).
        count: At least 1; where there are fewer other texts, all of them.
    """
    deviations = vectors - vectors.mean(axis=0)
    lengths = np.linalg.norm(deviations, axis=1, keepdims=True)
    directions = deviations / np.maximum(lengths, np.finfo(np.float32).tiny)
    count = min(count, len(vectors) - 1)
    for first in range(0, len(vectors), _BLOCK):
        similarities = directions[first : first + _BLOCK] @ directions.T  # (B, N)
        rows = np.arange(len(similarities))
        similarities[rows, first + rows] = -np.inf  # no text is its own neighbour
        found = np.argpartition(-similarities, count, axis=1)[:, :count]  # (B, count), unsorted
        for row, indices in zip(similarities, found.tolist(), strict=True):
            near = [Neighbour(index, float(row[index])) for index in indices]
            yield sorted(near, key=lambda each: (-each.similarity, each.index))
