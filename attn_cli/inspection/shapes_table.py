"""The table of `attn inspect-shapes` for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from attn_cli.inspection.columns import GAP, fitting, missing
from attn_cli.inspection.costs import Costs
from attn_cli.inspection.meanings import meaning
from attn_cli.inspection.paragraph import Paragraph
from attn_cli.inspection.shapes import ShapeRow, Shapes
from attn_cli.model.memory import kibibytes

LEGEND = {
    "B": "batch",
    "T": "characters",
    "C": "channels",
    "H": "heads",
    "D": "head size",
    "F": "feed-forward",
    "V": "vocabulary",
    "L": "layers",
}
FORMATS = {"float32": "fp32", "bfloat16": "bf16"}
COLUMNS = ("operation", "symbolic", "shape", "parameters", "FLOPs", "bytes", "format")
LEFT = 3  # of the columns are words, the others numbers


def shapes_view(shapes: Shapes, costs: Costs, *, explain: bool) -> RenderableType:
    """One line an operation, grouped by where it happens; legend above, totals below."""
    legend = ", ".join(
        f"{symbol}={shapes.dims[symbol]} {meaning}" for symbol, meaning in LEGEND.items()
    )
    totals = [Paragraph(line) for line in (*_totals(shapes, costs), "", *_checks(shapes))]
    return Group(Paragraph(legend), Text(), _Rows(shapes.rows, explain), Text(), *totals)


class _Rows:
    """The operations; a terminal that is too narrow for all columns shows the first ones."""

    def __init__(self, rows: Sequence[ShapeRow], explain: bool) -> None:
        self._rows = rows
        self._explain = explain

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        cells = [_cells(row) for row in self._rows]
        widths = [max(map(len, column)) for column in zip(COLUMNS, *cells, strict=True)]
        shown = max(LEFT, fitting(widths, options.max_width))

        def line(cells: Sequence[str]) -> str:
            padded = [
                cell.ljust(width) if place < LEFT else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(cells[:shown], widths, strict=False))
            ]
            return (" " * GAP).join(padded).rstrip()

        yield Text(line(COLUMNS), style="bold", no_wrap=True)
        numbered = zip(self._rows, cells, strict=True)
        for (path, times), group in groupby(numbered, key=lambda pair: _place(pair[0])):
            if path:
                layers = f" (× {times}; the numbers are of one)" if times > 1 else ""
                yield Text(path.replace(".", " · ") + layers, style="bold", no_wrap=True)
            for row, its_cells in group:
                yield Text(line(its_cells), no_wrap=True)
                if self._explain:
                    yield Paragraph(meaning(row.operation), 6 if path else 4, "dim")
        if shown < len(COLUMNS):
            yield missing(COLUMNS[shown:])


def _place(row: ShapeRow) -> tuple[str, int]:
    return row.path, row.times if row.path else 1


def _cells(row: ShapeRow) -> tuple[str, ...]:
    name = row.operation
    if not row.path and row.times > 1:
        name += f" (× {row.times})"
    return (
        f"  {name}" if row.path else name,
        f"({', '.join(row.symbolic)})",
        f"({', '.join(map(str, row.shape))})",
        f"{row.parameters:,}" if row.parameters else "tied" if row.tied else "",
        f"{row.flops:,}" if row.flops else "",
        "view" if row.view else f"{row.bytes:,}",
        FORMATS.get(row.dtype, row.dtype),
    )


def _totals(shapes: Shapes, costs: Costs) -> Iterator[str]:
    embedding = shapes.embedding_parameters
    yield (
        f"{shapes.parameters:,} parameters, tied ones counted once: "
        f"{embedding:,} to look up, {shapes.parameters - embedding:,} in the rest"
    )
    yield (
        f"{costs.forward_flops:,.0f} FLOPs per character forward, {costs.training_flops:,.0f} "
        f"in training (matrix products, T={costs.length})"
    )
    batch = f"B={costs.batch}, T={costs.length}"
    pieces = f" ({kibibytes(costs.piece_activations)} in pieces of {costs.piece})"
    yield (
        f"memory to train in {costs.precision}: weights {kibibytes(costs.weights)}, "
        f"gradients {kibibytes(costs.gradients)}, optimizer {kibibytes(costs.optimizer)}, "
        f"saved activations {kibibytes(costs.activations)} at {batch}"
        + (pieces if costs.piece < costs.batch else "")
    )
    yield f"memory to write: key/value cache {kibibytes(costs.cache)} for a text of {costs.length}"


def _checks(shapes: Shapes) -> Iterator[str]:
    """What was checked, with both numbers: a claim that cannot fail would be none."""
    whole, counted = shapes.row_parameters, shapes.counted_flops
    yield (
        f"checked: the rows' parameters are {_equal(whole, shapes.parameters)} of the model, "
        f"their FLOPs {_equal(shapes.flops, counted)} of torch's FlopCounterMode "
        "(math attention)"
    )


def _equal(ours: int, theirs: int) -> str:
    return f"the {ours:,}" if ours == theirs else f"{ours:,}, NOT the {theirs:,}"
