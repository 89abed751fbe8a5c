"""A map of shades, as shapes where these are few enough for a file, else as an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attn_cli.figures.canvas import POINTS, Canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_SHAPES = 12_000  # of a figure; more would make a file slow to open
_SHARPER = 4  # times as many pixels, for programs that smooth images
_GRID = 0.07  # inches of a cell from which on lines part cells


def draw_map(
    canvas: Canvas, axes: Axes, fractions: NDArray[np.floating], cell: float, *, as_image: bool
) -> None:
    """Fills axes with cells, the first row at the top.

    Args:
        canvas: Of the axes.
        axes: As wide and high as all cells together.
        fractions: Of the shades, (rows, columns); NaN for a cell that is masked.
        cell: The smaller side of a cell in inches.
        as_image: Whether there are too many cells in the figure to draw them as shapes.
    """
    rows, columns = fractions.shape
    shades = canvas.shades
    if as_image:
        sharper = np.kron(fractions, np.ones((_SHARPER, _SHARPER)))
        axes.imshow(
            sharper, cmap=shades, vmin=0, vmax=1, interpolation="none" if canvas.kind != "png"
            else "nearest", extent=(0, columns, rows, 0), aspect="auto",
        )  # fmt: skip
    else:
        axes.set_facecolor(canvas.theme.masked)
        parted = cell >= _GRID
        axes.pcolormesh(
            np.arange(columns + 1), np.arange(rows + 1), np.ma.masked_invalid(fractions),
            cmap=shades, vmin=0, vmax=1, edgecolors=canvas.theme.paper if parted else "face",
            linewidth=min(1.0, 0.05 * cell * POINTS) if parted else 0.05,
        )  # fmt: skip
    axes.set(xlim=(0, columns), ylim=(rows, 0), xticks=[], yticks=[])
