"""How a run developed, as a figure: its losses, and the maps of its checkpoints below them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attn_cli.figures.canvas import POINTS, Canvas
from attn_cli.figures.curves import Plot, draw_curves
from attn_cli.figures.heat_map import MOST_SHAPES, draw_map
from attn_cli.figures.sheet import Box, Sheet
from attn_cli.inspection.figures.attention import shaded, weight_scale
from attn_cli.inspection.page.payload import evenly_spaced

_MOST = 24  # checkpoints; of more, some are drawn
_CHART, _MAPS = 1.6, 3.6  # inches of a column's losses, and of all its maps at most
_GAP = 0.08  # between two maps of a checkpoint, in the width of one


@dataclass(frozen=True)
class CheckpointMaps:
    """The attention of a checkpoint."""

    step: int
    weights: NDArray[np.float32]  # (L, H, T, T)


def draw_history(
    canvas: Canvas, losses: Plot, maps: Mapping[int, NDArray[np.float32]], subtitle: str
) -> None:
    """Draws the losses over the steps, and all heads of each checkpoint.

    Args:
        canvas: A new one.
        losses: Of the run.
        maps: The weights of the checkpoints by step, oldest first, (L, H, T, T); at least one.
        subtitle: The run and the text.
    """
    kept = [CheckpointMaps(step, weights) for step, weights in maps.items()]
    shown = list(evenly_spaced(kept, _MOST))
    L, H = kept[0].weights.shape[:2]
    maps_are = "A map" if L * H == 1 else "A row for each layer, a column for each head,"
    some = f"{len(shown)} of the {len(kept)}" if len(shown) < len(kept) else "each of the"
    notes = [f"{maps_are} at {some} checkpoints kept; their steps are dotted lines."]
    sheet = Sheet("Attention over training", subtitle, notes, weight_scale(kept[0].weights))
    box = sheet.lay_out(canvas, lambda width, height: _height(canvas, shown, width, height))
    chart, rest = _parts(canvas, box)
    marked = Plot(
        losses.curves, losses.across, losses.down, losses.levels, [each.step for each in shown]
    )
    draw_curves(canvas, chart, marked)
    _Blocks(canvas, shown, rest.width, rest.height).draw(rest)


def _height(canvas: Canvas, shown: Sequence[CheckpointMaps], width: float, height: float) -> float:
    _, rest = _parts(canvas, Box(0, 0, width, height))
    return rest.top + _Blocks(canvas, shown, width, rest.height).height


def _parts(canvas: Canvas, box: Box) -> tuple[Box, Box]:
    """Where the losses go, and the maps: beside each other on a slide, else below each other."""
    if canvas.size.is_fixed:
        chart = 0.42 * box.width
        rest = Box(box.left + chart + 0.4, box.top, box.width - chart - 0.4, box.height)
        return Box(box.left, box.top, chart, box.height), rest
    chart = _CHART + canvas.size.small / POINTS
    rest = Box(box.left, box.top + chart, box.width, min(_MAPS, box.height - chart))
    return Box(box.left, box.top, box.width, _CHART), rest


class _Blocks:
    """The maps of each checkpoint with its step above, in as many rows as make them largest."""

    def __init__(
        self, canvas: Canvas, shown: Sequence[CheckpointMaps], width: float, height: float
    ) -> None:
        self._canvas, self._shown = canvas, shown
        L, H, T, S = shown[0].weights.shape
        self._heading = 1.5 * canvas.size.small / POINTS
        across, down = S * ((1 + _GAP) * H - _GAP), T * ((1 + _GAP) * L - _GAP)  # in cells
        self._space = canvas.size.small / POINTS
        best = (0.0, 1)
        for rows in range(1, len(shown) + 1):
            columns = math.ceil(len(shown) / rows)
            wide = (width + self._space) / columns - self._space
            high = (height + self._space) / rows - self._space - self._heading
            cell = min(canvas.size.cell / 3, wide / across, high / down)
            if cell > best[0]:
                best = (cell, columns)
        self._cell, self._columns = best
        self._wide, self._high = across * self._cell, down * self._cell + self._heading

    @property
    def height(self) -> float:
        """Of all rows."""
        rows = math.ceil(len(self._shown) / self._columns)
        return float(rows * (self._high + self._space) - self._space)

    def draw(self, box: Box) -> None:
        """Draws them in the middle of a box."""
        canvas = self._canvas
        columns = min(self._columns, len(self._shown))
        width = columns * (self._wide + self._space) - self._space
        left, top = box.left + (box.width - width) / 2, box.top + (box.height - self.height) / 2
        for number, checkpoint in enumerate(self._shown):
            row, column = divmod(number, self._columns)
            x = left + column * (self._wide + self._space)
            y = top + row * (self._high + self._space)
            canvas.text(
                x + self._wide / 2, y + self._heading - 0.5 * canvas.size.small / POINTS,
                f"step {checkpoint.step:,}", canvas.size.small, canvas.theme.quiet, align="center",
            )  # fmt: skip
            self._draw_maps(x, y + self._heading, checkpoint.weights)

    def _draw_maps(self, left: float, top: float, weights: NDArray[np.float32]) -> None:
        canvas, cell, fractions = self._canvas, self._cell, shaded(weights)
        L, H, T, S = weights.shape
        as_image = weights.size * len(self._shown) > MOST_SHAPES
        for row in range(L):
            for column in range(H):
                axes = canvas.axes(
                    left + column * S * (1 + _GAP) * cell, top + row * T * (1 + _GAP) * cell,
                    S * cell, T * cell,
                )  # fmt: skip
                draw_map(canvas, axes, fractions[row, column], cell, as_image=as_image)
