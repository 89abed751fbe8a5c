"""What the machine allows: the products of a character by themselves, and one reading.

Shapes: C channels, V vocabulary, L layers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

WIDE = 4096


class Limit:
    """The products with all weights of a model, of `streams` characters at once.

    numpy's BLAS takes as many threads as OMP_NUM_THREADS said when it was imported.
    """

    def __init__(self, n_layer: int, n_embd: int, vocab_size: int, streams: int) -> None:
        L, C, V = n_layer, n_embd, vocab_size
        shapes = [(C, 3 * C), (C, C), (C, 4 * C), (4 * C, C)] * L + [(C, V)]
        generator = np.random.default_rng(0)

        def numbers(*shape: int) -> Any:
            return generator.standard_normal(shape, np.float32)

        # A vector alone goes to another routine of BLAS than a matrix of one row.
        inputs = [numbers(streams, rows) if streams > 1 else numbers(rows) for rows, _ in shapes]
        weights = [numbers(*shape) for shape in shapes]
        self.by_rows = list(zip(inputs, weights, strict=True))
        # As torch's linear layers keep them; which is faster depends on the size.
        self.by_columns = [(x, np.asfortranarray(weight)) for x, weight in self.by_rows]
        # Wide enough that next to nothing else is read or written, and BLAS shares it out.
        rows = -(-sum(weight.size for weight in weights) // WIDE)
        self.all_weights, self.wide = numbers(rows, WIDE), numbers(WIDE)

    @property
    def weight_bytes(self) -> int:
        size: int = self.all_weights.nbytes
        return size

    def seconds_by_rows(self) -> float:
        return _seconds(lambda: [x @ weight for x, weight in self.by_rows])

    def seconds_by_columns(self) -> float:
        return _seconds(lambda: [x @ weight for x, weight in self.by_columns])

    def seconds_of_reading(self) -> float:
        """As many numbers as there are weights, each once, in one product."""
        return _seconds(lambda: self.all_weights @ self.wide)


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
