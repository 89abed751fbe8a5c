"""Losses as curves, over the steps or the characters of one run or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attn_cli.figures.canvas import POINTS, Canvas
from attn_cli.figures.fonts import families
from attn_cli.figures.numbers import short_number
from attn_cli.figures.sheet import Box
from attn_cli.figures.style import MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_MARKERS = 40  # on a curve; on a longer one they would touch


@dataclass(frozen=True)
class Curve:
    """One line: x and y of each point, and perhaps a band around it."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    band: tuple[Sequence[float], Sequence[float]] | None = None  # lower and upper edge
    has_markers: bool = True


@dataclass(frozen=True)
class Plot:
    """What is drawn in a pair of axes."""

    curves: Sequence[Curve]
    across: str  # what x is
    down: str  # what y is
    levels: Sequence[tuple[str, float]] = ()  # what the curves are held against
    places: Sequence[float] = ()  # of x, marked from top to bottom


def draw_curves(canvas: Canvas, box: Box, plot: Plot) -> None:
    """Draws curves with their axes, levels and a legend into a box."""
    size = canvas.size
    line = 1.3 * size.small / POINTS
    left = canvas.text_width("0.000", size.small) + 0.6 * line
    height = box.height - 3.8 * line
    axes = canvas.axes(box.left + left, box.top + 1.3 * line, box.width - left - 0.4 * line, height)
    axes.grid(color=canvas.theme.rule, linewidth=canvas.line_width)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for number, curve in enumerate(plot.curves):
        _draw_curve(canvas, axes, curve, number)
    _draw_levels(canvas, axes, plot, height)
    for place in plot.places:
        axes.axvline(place, color=canvas.theme.quiet, lw=canvas.line_width, ls=(0, (2, 2)))
    _number_axes(canvas, axes, box.width - left)
    bottom, middle = box.top + box.height - 0.5 * line, box.left + left + (box.width - left) / 2
    quiet = canvas.theme.quiet
    canvas.text(middle, bottom, plot.across, size.small, quiet, align="center")
    canvas.text(box.left, box.top + 0.7 * line, plot.down, size.small, quiet)
    _draw_legend(canvas, axes, plot)


def _draw_curve(canvas: Canvas, axes: Axes, curve: Curve, number: int) -> None:
    colors, width = canvas.theme.curves, canvas.line_width
    color = colors[number % len(colors)]
    marker = MARKERS[number % len(MARKERS)] if curve.has_markers else ""
    every = max(1, len(curve.x) // _MOST_MARKERS)
    axes.plot(
        curve.x, curve.y, color=color, lw=2.2 * width if curve.has_markers else 1.6 * width,
        marker=marker, ms=5 * width, markevery=every, label=canvas.shown(curve.name),
        zorder=3 + curve.has_markers,
    )  # fmt: skip
    if curve.band is not None:
        axes.fill_between(curve.x, *curve.band, color=color, alpha=0.2, lw=0)


def _draw_levels(canvas: Canvas, axes: Axes, plot: Plot, height: float) -> None:
    """Lines across the plot, each with its name under it: below a floor there is no curve.

    Args:
        canvas: Of the axes.
        axes: Of this height in inches.
        plot: What has the levels.
        height: Of the axes.
    """
    points = canvas.size.small
    for name, value in plot.levels:
        axes.axhline(value, color=canvas.theme.ink, lw=1.6 * canvas.line_width, ls=(0, (5, 2)))
        axes.annotate(
            canvas.shown(name), (1, value), xycoords=("axes fraction", "data"), ha="right",
            va="top", xytext=(0, -0.35 * points), textcoords="offset points", size=points,
            color=canvas.theme.ink,
        )  # fmt: skip
        lowest, highest = axes.get_ylim()
        room = (highest - value) * 1.9 * points / POINTS / height
        axes.set_ylim(min(lowest, value - room), highest)


def _number_axes(canvas: Canvas, axes: Axes, width: float) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    most = max(2, int(width / (canvas.text_width("1,000 M", canvas.size.small) * 1.6)))
    axes.xaxis.set_major_locator(MaxNLocator(min(most, 8), steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(round(value, 9))))


def _draw_legend(canvas: Canvas, axes: Axes, plot: Plot) -> None:
    theme = canvas.theme
    names = "".join(canvas.shown(curve.name) for curve in plot.curves)
    legend = axes.legend(
        prop={"size": canvas.size.small, "family": families(names)}, labelcolor=theme.ink,
        facecolor=theme.paper, edgecolor="none", framealpha=0.85, loc="upper right",
        borderpad=0.2, handlelength=2.2,
    )  # fmt: skip
    legend.set_zorder(6)
