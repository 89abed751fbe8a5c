"""The labels of a map's rows and columns: all of them, or where they would overlap, positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from attn_cli.figures.canvas import POINTS, Canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINE = 1.05  # height of a label in that of its type
_STEPS = (2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000)


@dataclass(frozen=True)
class AxisLabels:
    """What is written beside an axis.

    Attributes:
        places: Which rows or columns have a label, from 0.
        texts: What it is.
        points: The size of the type.
        turned: Whether they are written upwards.
        depth: The room that they take beside the map, in inches.
        are_positions: Whether they are positions, from 1, and not all symbols.
    """

    places: Sequence[int]
    texts: Sequence[str]
    points: float
    turned: bool
    depth: float
    are_positions: bool


def axis_labels(
    canvas: Canvas, symbols: Sequence[str], cell: float, axis: Literal["x", "y"]
) -> AxisLabels:
    """All symbols as labels, or positions at even distances where they would overlap.

    Args:
        canvas: Where they are to be drawn.
        symbols: As in the vocabulary, or names.
        cell: The width of a column, or the height of a row, in inches.
        axis: Whether they stand above columns or beside rows.
    """
    size = canvas.size
    texts = [canvas.label(symbol) for symbol in symbols]
    most = size.text if len(symbols) < 2 else 0.8 * cell * POINTS
    points = min(size.text, max(size.least, most))
    widths = {text: canvas.text_width(text, points) for text in set(texts)}
    width = max(widths.values())
    # Of two neighbours, a half of each has to fit between their middles.
    needed = max((widths[a] + widths[b] for a, b in pairwise(texts)), default=0.0) / 2
    upright = needed + 0.12 * points / POINTS <= cell
    if len(symbols) == 1 or _LINE * points / POINTS <= cell or (axis == "x" and upright):
        turned = axis == "x" and not upright and len(symbols) > 1
        deep = width if axis == "y" or turned else points / POINTS
        return AxisLabels(
            range(len(symbols)), texts, points, turned, deep + 0.5 * points / POINTS, False
        )
    points = size.least
    widest = canvas.text_width(str(len(symbols)), points)
    needed = 1.6 * (widest if axis == "x" else points / POINTS)
    step = next((each for each in _STEPS if each * cell >= needed), len(symbols))
    numbers = [1, *range(step, len(symbols) + 1, step)]
    deep = widest if axis == "y" else points / POINTS
    return AxisLabels(
        [number - 1 for number in numbers], [str(number) for number in numbers], points, False,
        deep + 0.5 * points / POINTS, True,
    )  # fmt: skip


def place_labels(canvas: Canvas, axes: Axes, axis: Literal["x", "y"], labels: AxisLabels) -> None:
    """Writes labels in the middle of the rows or columns of a map."""
    canvas.ticks(
        axes, axis, [place + 0.5 for place in labels.places], labels.texts, size=labels.points,
        turned=labels.turned,
    )  # fmt: skip
