"""Scores what comes after texts as they grow, and reads each character once.

Attention sees at most `block_size` characters. When these are full, the older half is
forgotten and the newer half read again from position 0, whatever the kind of position. Half
is the share with the lowest loss of those that were tried, and rotary positions that slide
on instead are no better (benchmarks/LOG.md); it costs one reading of half a block for each
half block that is written.

Shapes: B texts, T characters of a window, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attn_cli.generation.decoder import Decoder
from attn_cli.generation.weights import Floats

# Numbers in the scores of windows that are read together: 64 MiB.
SCORES_AT_ONCE = 2**24


def window_start(length: int, block_size: int) -> int:
    """Where the window begins that the model sees of a text of `length` characters.

    The window grows to `block_size`; the next character then finds the newer half
    of it, and so on: it depends on the length alone, not on how the text came about.
    """
    if length <= block_size:
        return 0
    # A window that is full moves on by what it forgets.
    forgotten = max(1, block_size // 2)
    return -(-(length - block_size) // forgotten) * forgotten


class Reader:
    """A decoder and what it has read of B texts.

    Args:
        decoder: The model.
        batch: B.
        longest: How long the texts will get, where that is known.
    """

    def __init__(self, decoder: Decoder, batch: int, longest: int | None = None) -> None:
        self.decoder = decoder
        self._cache = decoder.new_cache(batch, longest)
        self._starts = [0] * batch  # where each text's window begins

    def scores(self, texts: Sequence[Sequence[int]]) -> Floats:
        """The scores of the character after each text, (B, V).

        Args:
            texts: All ids of each text so far, at least one; what a text had at the call
                before, it still begins with.
        """
        block_size = self.decoder.config.block_size
        behind = []
        for row, (ids, read) in enumerate(zip(texts, self._cache.lengths.tolist(), strict=True)):
            start = window_start(len(ids), block_size)
            if start != self._starts[row] or len(ids) - start - read != 1:
                self._starts[row] = start
                behind.append(row)
        if behind:
            self._read_windows(behind, texts)
        return self.decoder.read(np.array([ids[-1:] for ids in texts]), self._cache)

    def select(self, rows: Sequence[int]) -> None:
        """Goes on with these texts, in this order; one may come more than once."""
        self._cache.select(list(rows))
        self._starts = [self._starts[row] for row in rows]

    def _read_windows(self, rows: list[int], texts: Sequence[Sequence[int]]) -> None:
        """Reads the windows of these texts anew, all but their last character."""
        rows_of: dict[tuple[int, ...], list[int]] = {}
        for row in rows:
            rows_of.setdefault(tuple(texts[row][self._starts[row] : -1]), []).append(row)
        by_length: dict[int, list[tuple[int, ...]]] = {}
        for window in rows_of:
            by_length.setdefault(len(window), []).append(window)
        for length, windows in by_length.items():
            at_once = max(1, SCORES_AT_ONCE // (self.decoder.config.n_head * max(1, length) ** 2))
            for begin in range(0, len(windows), at_once):
                some = windows[begin : begin + at_once]
                fresh = self.decoder.new_cache(len(some), length)
                if length:
                    self.decoder.read(np.array(some), fresh)
                for number, window in enumerate(some):
                    self._cache.put(rows_of[window], fresh, number)
