"""In which row of a table an n-gram stands: the same numbers for torch, NumPy and JavaScript.

A polynomial hash (Karp & Rabin 1987): each character times a power of a base, summed, modulo a
prime and then modulo the rows. Where a table has a row for every n-gram, the base is the number
of symbols, and no two n-grams share a row.

Shapes: N lengths, n the longest of them, R rows of all tables together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

# Products of numbers below it with ids stay exact in 64 bits, and in a double's 53.
PRIME = 2**31 - 1
BASE = 48_271  # a generator of all numbers below it (Park & Miller 1993)
NOTHING = 0  # the symbol of what is before a text; that of a character is its id + 1


@dataclass(frozen=True)
class NgramHash:
    """How n-grams of several lengths are mapped to the rows of one table, one part a length.

    The row of an n-gram is `offset + sum(symbol[k] * factor[k]) % PRIME % size`, where symbol 0
    is the last character, 1 the one before it.

    Attributes:
        lengths: N lengths.
        sizes: How many rows each has.
        offsets: Where the rows of each begin.
        factors: N × n; 0 for characters that a length does not reach.
    """

    lengths: tuple[int, ...]
    sizes: tuple[int, ...]
    offsets: tuple[int, ...]
    factors: tuple[tuple[int, ...], ...]

    @property
    def total_rows(self) -> int:
        """R."""
        return sum(self.sizes)

    @property
    def longest(self) -> int:
        """How many characters the longest n-gram has."""
        return max(self.lengths)


def make_ngram_hash(lengths: Sequence[int], rows: int, vocab_size: int) -> NgramHash:
    """The hash of n-grams of these lengths.

    Args:
        lengths: How many characters each kind of n-gram has.
        rows: The most rows of each length; fewer where there are fewer n-grams.
        vocab_size: V, of the tokenizer.
    """
    symbols, longest = vocab_size + 1, max(lengths)
    sizes = tuple(min(rows, symbols**n) for n in lengths)
    factors = []
    for n, size in zip(lengths, sizes, strict=True):
        base = symbols if size == symbols**n else BASE
        factors.append([pow(base, k, PRIME) for k in range(n)] + [0] * (longest - n))
    offsets = (0, *accumulate(sizes[:-1]))
    return NgramHash(tuple(lengths), sizes, offsets, tuple(map(tuple, factors)))
