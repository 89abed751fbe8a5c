"""Tables of vectors and of small matrices, under their channel numbers."""

from collections.abc import Sequence

import torch

from attn_cli.inspection.lesson.blocks import Table
from attn_cli.inspection.lesson.rounding import OMITTED, rounded_rows
from attn_cli.inspection.lesson.shown import MAX_SHOWN


def shape_text(axes: str, tensor: torch.Tensor) -> str:
    """The shape in symbols and in numbers: (T, C) = (5, 16)."""
    return f"({axes}) = ({', '.join(map(str, tensor.shape))})"


def shown_channels(count: int) -> tuple[int | None, ...]:
    """The channels that a table shows, from 0; None stands for those between."""
    if count <= MAX_SHOWN:
        return tuple(range(count))
    return (*range(MAX_SHOWN - 2), None, count - 1)


def matrix_table(caption: str, names: Sequence[str], rows: Sequence[Sequence[float]]) -> Table:
    """Rows of numbers under their channel numbers, the middle channels left out."""
    chosen = shown_channels(len(rows[0]))
    shown = [i for i in chosen if i is not None]
    cells = rounded_rows([[row[i] for i in shown] for row in rows])
    by_channel = dict(zip(shown, zip(*cells, strict=True), strict=True))
    columns = {
        OMITTED if i is None else str(i): [OMITTED] * len(rows) if i is None else by_channel[i]
        for i in chosen
    }
    return Table.of_columns(caption, names, columns)


def small_matrix(
    caption: str, weight: torch.Tensor, names: Sequence[str] = ()
) -> tuple[Table, ...]:
    """A weight matrix as it is, where it is small enough to be shown in full; else nothing."""
    if max(weight.shape) > MAX_SHOWN:
        return ()
    names = names or [str(row) for row in range(len(weight))]
    shape = ", ".join(map(str, weight.shape))
    return (matrix_table(f"{caption} = ({shape})", names, weight.tolist()),)
