"""What each head does, as a figure: a row for each, with where it attends and what it is worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attn_cli.figures.canvas import POINTS, Canvas
from attn_cli.figures.heat_map import draw_map
from attn_cli.figures.numbers import short_number
from attn_cli.figures.scales import root_scale
from attn_cli.figures.sheet import Box, Sheet
from attn_cli.inspection.heads import HeadScores, MeasuredHead

SCALE = root_scale("share of its attention, in %", percent=True)
_MOST_NAMED = 6  # shares, beside which a column has room for the heads' names
INCREASE = "loss increase"
_LINE, _HIGHEST = 1.55, 2.2  # height of a row in that of its type: of a column, and of a slide


def draw_heads(
    canvas: Canvas,
    heads: Sequence[MeasuredHead],
    baseline: HeadScores,
    subtitle: str,
    unit: str,
) -> None:
    """Draws the shares of attention of each head, and its loss increase.

    Args:
        canvas: A new one.
        heads: By layer.
        baseline: Of uniform attention.
        subtitle: The model and the text.
        unit: What the text consists of, character or byte.
    """
    notes = [
        f"Bars: how much the loss rises without the head, in nats per {unit}, with its standard "
        "error.",
        "uniform: a head that attends to all alike.",
    ]
    what = "Heads of cross-attention" if baseline.is_cross else "What each head attends to"
    sheet = Sheet(what, subtitle, notes, SCALE)
    rows = len(heads) + 1
    wanted = _top(canvas, baseline) + (rows + 0.5) * _row(canvas) + 2.4 * canvas.size.small / POINTS
    box = sheet.lay_out(canvas, lambda _, height: min(height, wanted))
    _Table(canvas, heads, baseline, box).draw()


def _row(canvas: Canvas) -> float:
    line = _HIGHEST if canvas.size.is_fixed else _LINE
    return line * canvas.size.small / POINTS


def _top(canvas: Canvas, baseline: HeadScores) -> float:
    """The room for the names of the shares, which are written upwards."""
    names = (INCREASE, *map(_name, baseline.shares))
    return max(canvas.text_width(name, canvas.size.small) for name in names) + 0.06


def _name(share: str) -> str:
    return share.replace("_", " ")


class _Table:
    """Labels, cells and bars in a box."""

    def __init__(
        self, canvas: Canvas, heads: Sequence[MeasuredHead], baseline: HeadScores, box: Box
    ) -> None:
        self._canvas, self._heads, self._baseline, self._box = canvas, heads, baseline, box
        size = canvas.size
        self._top = box.top + _top(canvas, baseline)
        foot = 2.4 * size.small / POINTS
        room = box.top + box.height - foot - self._top
        self._row = min(_row(canvas), room / (len(heads) + 1.5))
        self._points = min(size.small, self._row * POINTS / 1.1)
        self._has_text = self._points >= size.least
        self._labels = self._row_labels()
        self._label_width = max(canvas.text_width(each, size.small) for each in self._labels) + 0.1
        rest = box.width - self._label_width
        shares = len(baseline.shares)
        bars = 0.3 * rest if size.is_fixed else max(0.5, rest - shares * 0.26)
        self._cell = (rest - bars - 0.1) / shares
        self._bars_width = bars

    def _row_labels(self) -> list[str]:
        if not self._has_text:  # then only the layers have room
            return [f"layer {head.layer}" if head.head == 1 else "" for head in self._heads] + [""]
        wordy = self._canvas.size.is_fixed or len(self._baseline.shares) <= _MOST_NAMED
        labels = [
            f"{head.layer}.{head.head}  {head.name}" if wordy and head.name
            else f"{head.layer}.{head.head}"
            for head in self._heads
        ]  # fmt: skip
        return [*labels, "uniform"]

    def draw(self) -> None:
        """Draws all of it."""
        canvas, box, size = self._canvas, self._box, self._canvas.size
        left, count = box.left + self._label_width, len(self._heads)
        for number, name in enumerate(map(_name, self._baseline.shares)):
            x = left + (number + 0.5) * self._cell + 0.35 * size.small / POINTS
            canvas.text(x, self._top - 0.06, name, size.small, canvas.theme.quiet, turned=True)
        for number, label in enumerate(self._labels):
            y = self._top + (number + 0.5 + 0.5 * (number == count)) * self._row
            points = self._points if self._has_text else size.small
            canvas.text(box.left, y, label, points, vertical="center")
        self._draw_cells(left, self._top, [head.scores for head in self._heads])
        self._draw_cells(left, self._top + (count + 0.5) * self._row, [self._baseline])
        self._draw_bars(left + self._cell * len(self._baseline.shares) + 0.12)

    def _draw_cells(self, left: float, top: float, scores: Sequence[HeadScores]) -> None:
        canvas = self._canvas
        shares: NDArray[np.float64] = np.array(
            [list(each.shares.values()) for each in scores], dtype=np.float64
        )  # (heads, shares), NaN where there is nothing to measure
        rows, columns = shares.shape
        axes = canvas.axes(left, top, self._cell * columns, self._row * rows)
        fractions = np.sqrt(shares)
        draw_map(canvas, axes, fractions, min(self._cell, self._row), as_image=False)
        if not self._has_text:
            return
        points = min(self._points, 0.36 * self._cell * POINTS)
        for row, column in np.argwhere(np.isfinite(shares)).tolist():
            canvas.text(
                left + (column + 0.5) * self._cell, top + (row + 0.5) * self._row,
                f"{shares[row, column] * 100:.0f}", points, canvas.ink_on(fractions[row, column]),
                align="center", vertical="center",
            )  # fmt: skip

    def _draw_bars(self, left: float) -> None:
        canvas, count = self._canvas, len(self._heads)
        width = self._box.left + self._box.width - left - 0.1
        axes = canvas.axes(left, self._top, width, self._row * count)
        increases = [head.effect.loss_increase for head in self._heads]
        errors = [head.effect.standard_error or 0.0 for head in self._heads]
        line = canvas.line_width
        axes.barh(
            np.arange(count) + 0.5, increases, 0.66, color=canvas.theme.curves[0], xerr=errors,
            error_kw={"ecolor": canvas.theme.quiet, "elinewidth": 1.2 * line},
        )  # fmt: skip
        axes.axvline(0, color=canvas.theme.quiet, lw=line)
        axes.set(ylim=(count, 0), yticks=[])
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        places = _few_ticks(axes.get_xlim(), 3 if width > 1.5 else 2)
        axes.tick_params(axis="x", length=3 * line, color=canvas.theme.quiet)
        canvas.ticks(axes, "x", places, [short_number(place) for place in places])
        x, points = left + 0.7 * canvas.size.small / POINTS, canvas.size.small
        canvas.text(x, self._top - 0.06, INCREASE, points, canvas.theme.quiet, turned=True)


def _few_ticks(limits: tuple[float, float], most: int) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    lowest, highest = limits
    places = MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(lowest, highest)
    return [round(float(place), 9) for place in places if lowest <= place <= highest]
