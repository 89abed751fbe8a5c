"""A table that keeps to a terminal's width by leaving out its last columns, and says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

GAP = 2  # blanks between two columns


@dataclass(frozen=True)
class Columns:
    """Rows of cells under their headings; a number is never cut.

    Attributes:
        headings: One a column; the first columns are the last to go.
        rows: A cell a column each.
        words: The columns that are set to the left, as words are; numbers go to the right.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: frozenset[int]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = [
            max(map(cell_len, column)) for column in zip(self.headings, *self.rows, strict=True)
        ]
        shown = fitting(widths, options.max_width)
        for number, row in enumerate([self.headings, *self.rows]):
            line = (" " * GAP).join(
                set_cell_size(cell, width)
                if place in self.words
                else " " * (width - cell_len(cell)) + cell
                for place, (cell, width) in enumerate(zip(row[:shown], widths, strict=False))
            )
            yield Text(line.rstrip(), style="none" if number else "bold", no_wrap=True)
        if shown < len(widths):
            yield missing(self.headings[shown:])


def fitting(widths: Sequence[int], room: int) -> int:
    """How many of the first columns fit beside each other, one at least."""
    shown = len(widths)
    while shown > 1 and sum(widths[:shown]) + GAP * (shown - 1) > room:
        shown -= 1
    return shown


def missing(headings: Sequence[str]) -> Text:
    """What is said of the columns that are left out."""
    return Text(f"A wider terminal shows {', '.join(headings)}.", style="dim")
