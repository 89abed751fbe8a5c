"""A table that keeps to the terminal's width: columns that do not fit are left out and named."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from attn_cli.inspection.terminal.paragraph import Paragraph

GAP = 2  # blanks between two columns


@dataclass(frozen=True)
class Table:
    """Rows of cells under their headings; no cell is ever cut.

    Attributes:
        headings: One a column.
        rows: A cell a column; what is not a tuple stands between the rows, across all columns.
        text_columns: How many of the first columns hold text: they are set to the left and always
            shown. The others hold numbers, are set to the right, and the last are left out first.
    """

    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...] | Text | Paragraph]
    text_columns: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        cells = [self.headings, *(row for row in self.rows if isinstance(row, tuple))]
        widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
        shown = len(widths)
        while shown > max(1, self.text_columns) and _total(widths[:shown]) > options.max_width:
            shown -= 1
        yield Text(self._line(self.headings, widths[:shown]), style="bold", no_wrap=True)
        for row in self.rows:
            if isinstance(row, tuple):
                yield Text(self._line(row, widths[:shown]), no_wrap=True)
            else:
                yield row
        if shown < len(widths):
            left_out = ", ".join(self.headings[shown:])
            yield Text(f"A wider terminal shows {left_out}.", style="dim")

    def _line(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        padded = [
            set_cell_size(cell, width)
            if column < self.text_columns
            else " " * (width - cell_len(cell)) + cell
            for column, (cell, width) in enumerate(zip(cells, widths, strict=False))
        ]
        return (" " * GAP).join(padded).rstrip()


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)
