"""The table of `attn inspect-shapes` for a terminal."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.text import Text

from attn_cli.inspection.costs import Costs
from attn_cli.inspection.descriptions import description
from attn_cli.inspection.shapes import ShapeRow, Shapes
from attn_cli.inspection.terminal.paragraph import Paragraph
from attn_cli.inspection.terminal.table import Table
from attn_cli.text.display import format_bytes

LEGEND = {
    "B": "batch",
    "T": "",  # what the text consists of
    "S": "source",
    "C": "channels",
    "H": "heads",
    "D": "head size",
    "F": "feed-forward",
    "V": "vocabulary",
    "L": "layers",
    "Y": "labels",
    "N": "lengths of n-grams",
    "E": "width of their tables",
    "R": "rows of these tables",
}
FORMATS = {"float32": "fp32", "bfloat16": "bf16"}
COLUMNS = ("operation", "symbolic", "shape", "parameters", "FLOPs", "bytes", "format")
TEXT_COLUMNS = 3


def shapes_view(shapes: Shapes, costs: Costs, unit: str, *, explain: bool) -> RenderableType:
    """One line an operation, grouped by where it happens; legend above, totals below."""
    legend = ", ".join(
        f"{symbol}={shapes.dims[symbol]} {name or f'{unit}s'}"
        for symbol, name in LEGEND.items()
        if symbol in shapes.dims
    )
    totals = [Paragraph(line) for line in (*_totals(shapes, costs, unit), "", *_checks(shapes))]
    table = Table(COLUMNS, list(_rows(shapes.rows, explain)), TEXT_COLUMNS)
    return Group(Paragraph(legend), Text(), table, Text(), *totals)


def _rows(rows: Sequence[ShapeRow], explain: bool) -> Iterator[tuple[str, ...] | Text | Paragraph]:
    """The rows of the table: a heading for each part of the model, then its operations."""
    for (path, times), group in groupby(rows, key=lambda row: (row.path, row.path and row.times)):
        if path:
            layers = f" (× {times}; the numbers are of one)" if int(times) > 1 else ""
            yield Text(path.replace(".", " · ") + layers, style="bold", no_wrap=True)
        for row in group:
            yield _cells(row)
            if explain and (text := description(row.operation)):
                yield Paragraph(text, 6 if path else 4, "dim")


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


def _totals(shapes: Shapes, costs: Costs, unit: str) -> Iterator[str]:
    embedding, tables = shapes.embedding_parameters, shapes.table_parameters
    of_ngrams = f"{tables:,} in tables of n-grams, " if tables else ""
    full = f"{'T=S' if 'S' in shapes.dims else 'T'}={costs.block_size}"
    yield (
        f"{shapes.parameters:,} parameters, tied ones counted once: "
        f"{embedding:,} in embeddings, {of_ngrams}"
        f"{shapes.parameters - embedding - tables:,} elsewhere"
    )
    yield (
        f"{costs.forward_flops:,.0f} FLOPs per {unit} forward, {costs.training_flops:,.0f} "
        f"in training (matrix products, {full})"
    )
    at_once = costs.micro_batch_size
    micro = f" ({format_bytes(costs.micro_batch_activations)} in micro-batches of {at_once})"
    yield (
        f"memory to train in {costs.precision}: weights {format_bytes(costs.weights)}, "
        f"gradients {format_bytes(costs.gradients)}, "
        f"optimizer state {format_bytes(costs.optimizer_state)}, saved activations "
        f"{format_bytes(costs.activations)} at B={costs.batch_size}, {full}"
        + (micro if at_once < costs.batch_size else "")
    )
    yield (
        f"memory to generate: KV cache {format_bytes(costs.kv_cache)} "
        f"for a text of {costs.block_size}" + " and its source" * ("S" in shapes.dims)
    )


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
