"""A map with a label for each row and each column, as large as there is room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attn_cli.figures.axis_labels import AxisLabels, axis_labels, place_labels
from attn_cli.figures.canvas import POINTS, Canvas
from attn_cli.figures.heat_map import MOST_SHAPES, draw_map
from attn_cli.figures.sheet import Box

_ROUNDS = 4  # smaller cells have smaller labels, which leave more room for cells


@dataclass(frozen=True)
class MapAxes:
    """What stands beside the rows of a map and above its columns."""

    down: str  # what a row is
    across: str  # what a column is
    rows: Sequence[str]
    columns: Sequence[str]


class LabelledMap:
    """A map in a given room.

    Args:
        canvas: Where it is to be drawn.
        axes: Its labels.
        width: At most, in inches.
        height: At most, in inches.
    """

    def __init__(self, canvas: Canvas, axes: MapAxes, width: float, height: float) -> None:
        self._canvas, self._axes = canvas, axes
        self._title = 1.5 * canvas.size.text / POINTS  # height of the title of an axis
        self._fit(canvas.size.cell)
        for _ in range(_ROUNDS):
            wide = (width - self._title - self._rows.depth) / len(axes.columns)
            high = (height - self._title - self._columns.depth) / len(axes.rows)
            self._fit(min(canvas.size.cell, wide, high))

    def _fit(self, cell: float) -> None:
        self.cell = cell
        self._rows: AxisLabels = axis_labels(self._canvas, self._axes.rows, cell, "y")
        self._columns: AxisLabels = axis_labels(self._canvas, self._axes.columns, cell, "x")

    @property
    def height(self) -> float:
        """With its labels."""
        return self._title + self._columns.depth + self.cell * len(self._axes.rows)

    def draw(self, box: Box, fractions: NDArray[np.floating]) -> Box:
        """Draws it in the middle of a box, and says where its cells are."""
        canvas, cell = self._canvas, self.cell
        rows, columns = fractions.shape
        left_of, above = self._title + self._rows.depth, self._title + self._columns.depth
        wide, high = cell * columns, cell * rows
        left = box.left + (box.width - left_of - wide) / 2 + left_of
        top = box.top + (box.height - above - high) / 2 + above
        axes = canvas.axes(left, top, wide, high)
        draw_map(canvas, axes, fractions, cell, as_image=fractions.size > MOST_SHAPES)
        axes.xaxis.tick_top()
        place_labels(canvas, axes, "x", self._columns)
        place_labels(canvas, axes, "y", self._rows)
        points, quiet = canvas.size.text, canvas.theme.quiet
        gap = 0.45 * points / POINTS
        across = _named(self._axes.across, self._columns)
        canvas.text(
            left + wide / 2, top - self._columns.depth - gap, across, points, quiet, align="center"
        )
        down = _named(self._axes.down, self._rows)
        canvas.text(
            left - self._rows.depth - gap, top + high / 2, down, points, quiet, align="center",
            turned=True,
        )  # fmt: skip
        return Box(left, top, wide, high)


def _named(title: str, labels: AxisLabels) -> str:
    return f"{title}, by position" if labels.are_positions else title
