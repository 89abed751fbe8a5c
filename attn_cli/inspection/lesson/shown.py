"""Which positions of a text the tables of a lesson show, and what they are called in them."""

from collections.abc import Sequence
from dataclasses import dataclass

MAX_SHOWN = 8  # rows and columns of a table; a matrix with no more is shown in full


@dataclass(frozen=True)
class ShownPositions:
    """The positions of one text that tables show.

    Attributes:
        symbols: The whole text, made visible.
        positions: Those that are shown, in order.
    """

    symbols: tuple[str, ...]
    positions: tuple[int, ...]

    @property
    def omitted(self) -> list[int]:
        """The positions that no table shows."""
        return [t for t in range(len(self.symbols)) if t not in self.positions]

    @property
    def names(self) -> tuple[str, ...]:
        """Position and character of each, for rows."""
        digits = len(str(len(self.symbols) - 1))
        return tuple(f"{t:{digits}} {self.symbols[t]}" for t in self.positions)

    @property
    def headings(self) -> tuple[str, ...]:
        """The character of each, for columns."""
        return tuple(self.symbols[t] for t in self.positions)

    @property
    def truncation(self) -> str:
        """The end of a caption where a table shows only some of the text."""
        return f"; {len(self.positions)} of them" if self.omitted else ""


def shown_around(symbols: Sequence[str], place: int, top: int | None = None) -> ShownPositions:
    """All positions, or as many as a table shows, around one place, and `top` where one is given.

    The place is as near to their middle as can be: of the last one, they are the last ones.
    """
    symbols = tuple(symbols)
    if len(symbols) <= MAX_SHOWN:
        return ShownPositions(symbols, tuple(range(len(symbols))))
    around = _around(len(symbols), place, MAX_SHOWN)
    if top is None or top in around:
        return ShownPositions(symbols, tuple(around))
    around = _around(len(symbols), place, MAX_SHOWN - 1)
    return ShownPositions(symbols, tuple(sorted({top, *around})))


def _around(length: int, place: int, count: int) -> range:
    first = min(max(0, place - count // 2), length - count)
    return range(first, first + count)
