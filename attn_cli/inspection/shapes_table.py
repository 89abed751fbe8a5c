"""The table of `attn inspect-shapes` for a terminal."""

from __future__ import annotations

from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from attn_cli.inspection.shapes import Shapes

LEGEND = {
    "B": "batch",
    "T": "characters",
    "C": "channels",
    "H": "heads",
    "D": "head size C/H",
    "F": "feed-forward width",
    "V": "vocabulary",
    "L": "layers",
}


def shapes_table(shapes: Shapes) -> RenderableType:
    """One line an operation, grouped by where it happens; legend above, totals below."""
    table = Table(box=None, pad_edge=False)
    table.add_column("operation", no_wrap=True)
    table.add_column("symbolic", no_wrap=True)
    table.add_column("shape", no_wrap=True)
    table.add_column("parameters", justify="right", no_wrap=True)
    for path, rows in groupby(shapes.rows, key=lambda row: row.path):
        if path:
            table.add_row(Text(path.replace(".", " · "), style="bold"))
        for row in rows:
            learned = f"{row.parameters:,}" if row.parameters else "tied" if row.tied else ""
            table.add_row(
                f"  {row.operation}" if path else row.operation,
                f"({', '.join(row.symbolic)})",
                f"({', '.join(map(str, row.shape))})",
                learned,
            )
    legend = ", ".join(
        f"{symbol}={shapes.dims[symbol]} {meaning}" for symbol, meaning in LEGEND.items()
    )
    total = f"{shapes.parameters:,} parameters; tied ones count once"
    return Group(Text(legend), Text(), table, Text(), Text(total))
