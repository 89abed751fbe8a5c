"""The logit lens as a figure: a column for each character, a row for each layer, the last on top.

Of a long text there are several bands below each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attn_cli.figures.axis_labels import axis_labels, place_labels
from attn_cli.figures.canvas import POINTS, Canvas
from attn_cli.figures.heat_map import MOST_SHAPES, draw_map
from attn_cli.figures.scales import probability_scale
from attn_cli.figures.sheet import Box, Sheet
from attn_cli.inspection.logit_lens import LayerPredictions

_MOST_BANDS = 40
_COMFORTABLE = 1.35  # side of a cell, in the size of the least type
_TYPE = 0.78  # size of type in the side of a cell


def draw_lens(canvas: Canvas, lens: LayerPredictions, subtitle: str, unit: str) -> None:
    """Draws what each layer would predict.

    Args:
        canvas: A new one.
        lens: Of a text.
        subtitle: The model and the text.
        unit: What the text consists of, character or byte.
    """
    grid = _grid(lens, unit)
    notes = [grid.reading, *_mean_surprisal(lens)]
    title = "What each layer would predict"
    sheet = Sheet(title, subtitle, notes, probability_scale())
    box = sheet.lay_out(canvas, lambda width, height: _Bands(canvas, grid, width, height).height)
    _Bands(canvas, grid, box.width, box.height).draw(box)


@dataclass(frozen=True)
class _Lens:
    """What is drawn, N columns."""

    layers: Sequence[str]  # L + 1 names, the embedding first
    below: Sequence[str]  # N labels: the character after which, or which is hidden
    above: Sequence[str]  # N labels: what came; none where it is the one below, or not known
    predictions: Sequence[Sequence[str]]  # [column][layer]
    probabilities: NDArray[np.float64]  # (N, L + 1)
    right: NDArray[np.bool_]  # which predictions are, (N, L + 1)
    reading: str  # how to read it


def _grid(lens: LayerPredictions, unit: str) -> _Lens:
    actual: list[str | None]
    if lens.hidden is None:
        below, actual = list(lens.characters), [*lens.characters[1:], None]
        above = ["" if each is None else each for each in actual]
        reading = f"Below: the {unit} read last. Above: the one that came. Framed: predicted right."
    elif lens.surprisal_bits:
        below, above = [lens.characters[t] for t in lens.hidden], []
        actual = list(below)
        reading = (
            f"Below: each {unit}, hidden in turn, alone, and predicted from all the others. "
            "Framed: predicted right."
        )
    else:
        below, above = [str(number) for number in range(1, len(lens.hidden) + 1)], []
        actual = [None] * len(below)
        reading = "What each layer would put into each blank, in the order of the text."
    right = [
        [prediction == came for prediction in of_column]
        for of_column, came in zip(lens.predictions, actual, strict=True)
    ]
    return _Lens(
        lens.layers, below, above, lens.predictions, np.array(lens.probabilities),
        np.array(right, dtype=bool), reading,
    )  # fmt: skip


def _mean_surprisal(lens: LayerPredictions) -> list[str]:
    """The mean surprisal after each layer in a line, where any is known."""
    bits = lens.surprisal_bits
    if not bits:
        return []
    means = [sum(column) / len(bits) for column in zip(*bits, strict=True)]
    named = (f"{name} {_decimals(mean)}" for name, mean in zip(lens.layers, means, strict=True))
    return [f"Mean surprisal in bits: {', '.join(named)}."]


def _decimals(value: float) -> str:
    """Two decimals; of a small number one digit, for it is not 0."""
    return f"{value:.2f}" if value >= 0.01 or value == 0 else f"{value:.1g}"


class _Bands:
    """The columns in as few bands as have cells to read in, or as make them largest."""

    def __init__(self, canvas: Canvas, grid: _Lens, width: float, height: float) -> None:
        self._canvas, self._grid = canvas, grid
        self._names = [*reversed(grid.layers)]
        names_width = max(canvas.text_width(name, canvas.size.small) for name in self._names)
        self._left = names_width + 0.6 * canvas.size.small / POINTS
        self._line = 1.5 * canvas.size.text / POINTS  # of labels
        count, rows = len(grid.below), len(self._names)
        labels = 1 + bool(grid.above)
        best = (0.0, 1)
        for bands in range(1, min(count, _MOST_BANDS) + 1):
            columns = math.ceil(count / bands)
            cell = min(
                self._most(), (width - self._left) / columns,
                ((height + self._gap()) / bands - labels * self._line - self._gap()) / rows,
            )  # fmt: skip
            if cell > best[0]:
                best = (cell, columns)
            if cell >= _COMFORTABLE * canvas.size.least / POINTS:
                break
        self._cell, self._columns = best
        self._bands = math.ceil(count / self._columns)
        self._band = rows * self._cell + labels * self._line + self._gap()

    def _most(self) -> float:
        return 0.62 if self._canvas.size.is_fixed else 0.26

    def _gap(self) -> float:
        return 0.5 * self._canvas.size.small / POINTS

    @property
    def height(self) -> float:
        """Of all bands."""
        return self._bands * self._band - self._gap()

    def draw(self, box: Box) -> None:
        """Draws them in the middle of a box."""
        top = box.top + (box.height - self.height) / 2
        width = self._left + self._columns * self._cell
        left = box.left + (box.width - width) / 2 + self._left
        for band in range(self._bands):
            first = band * self._columns
            self._draw_band(left, top + band * self._band, slice(first, first + self._columns))

    def _draw_band(self, left: float, top: float, part: slice) -> None:
        canvas, grid, cell = self._canvas, self._grid, self._cell
        top += self._line * bool(grid.above)
        below, above = grid.below[part], grid.above[part]
        wide, high = cell * len(below), cell * len(self._names)
        axes = canvas.axes(left, top, wide, high)
        probabilities = grid.probabilities[part].T[::-1]  # (L + 1, columns), the last on top
        many = grid.probabilities.size > MOST_SHAPES
        draw_map(canvas, axes, probabilities, cell, as_image=many)
        place_labels(canvas, axes, "x", axis_labels(canvas, below, cell, "x"))
        if above:
            twin = canvas.axes(left, top, wide, high)
            twin.patch.set_visible(False)
            twin.set(xlim=(0, len(above)), yticks=[])
            twin.xaxis.tick_top()
            place_labels(canvas, twin, "x", axis_labels(canvas, above, cell, "x"))
        points = min(canvas.size.small, cell * POINTS / 1.05)
        if points >= canvas.size.least:
            for row, name in enumerate(self._names):
                x, y = left - 0.5 * points / POINTS, top + (row + 0.5) * cell
                canvas.text(
                    x, y, name, points, canvas.theme.quiet, align="right", vertical="center"
                )
        self._draw_predictions(left, top, part)

    def _draw_predictions(self, left: float, top: float, part: slice) -> None:
        """Writes each prediction on its shade, and frames those that are right."""
        canvas, grid, cell = self._canvas, self._grid, self._cell
        points = min(canvas.size.text, _TYPE * cell * POINTS)
        last = len(self._names) - 1
        for column, predictions in enumerate(grid.predictions[part]):
            for layer, symbol in enumerate(predictions):
                x, y = left + column * cell, top + (last - layer) * cell
                probability = float(grid.probabilities[part][column, layer])
                ink = canvas.ink_on(probability)
                if grid.right[part][column, layer]:
                    canvas.frame(x, y, cell, cell)
                if points < canvas.size.least:
                    continue
                shown = canvas.label(symbol)
                width = canvas.text_width(shown, points)
                size = min(points, points * 0.9 * cell / width) if width else points
                canvas.text(
                    x + cell / 2, y + cell / 2, shown, size, ink, align="center", vertical="center"
                )
