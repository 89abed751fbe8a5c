"""What stands around a picture: its heading, the legend of its shades, and how to read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from attn_cli.figures.canvas import POINTS, Canvas

_LEADING = 1.3  # height of a line in that of its type
_SIDE = 3.7  # inches of a slide's text beside a picture
_UNDER_TITLE = 0.15  # room below a title, in its type's size
_GAP = 0.35  # inches between the two


@dataclass(frozen=True)
class Box:
    """A part of a sheet, in inches from its upper left corner."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Scale:
    """What shades stand for."""

    title: str
    ticks: Sequence[tuple[float, str]]  # the fraction of the shades, and the value there
    masked: str = ""  # what a cell that has none means; empty where there are none


@dataclass(frozen=True)
class Sheet:
    """What is written around a picture."""

    title: str
    subtitle: str
    notes: Sequence[str] = ()  # how to read it
    scale: Scale | None = None

    def lay_out(
        self, canvas: Canvas, height_in: Callable[[float, float], float], *, beside: bool = False
    ) -> Box:
        """Writes all of it, and says where the picture goes.

        Args:
            canvas: A new one.
            height_in: The height of the picture in a given width and at most a given height.
            beside: Whether a slide has the text beside the picture, which is as wide as high.
        """
        if canvas.size.is_fixed:
            return self._beside(canvas) if beside else self._around(canvas)
        return self._stacked(canvas, height_in)

    def _beside(self, canvas: Canvas) -> Box:
        size, left = canvas.size, canvas.size.margin
        y = self._heading(canvas, left, size.margin, _SIDE)
        if self.scale is not None:
            draw_scale(canvas, self.scale, left, y + 0.35, _SIDE - 0.6)
        notes = self._note_lines(canvas, _SIDE)
        bottom = canvas.height - size.margin
        write_lines(canvas, notes, left, bottom - lines_height(len(notes), size.small), size.small)
        start = left + _SIDE + _GAP
        width = canvas.width - start - size.margin
        return Box(start, size.margin, width, canvas.height - 2 * size.margin)

    def _around(self, canvas: Canvas) -> Box:
        size, left, width = canvas.size, canvas.size.margin, canvas.inner_width
        top = self._heading(canvas, left, size.margin, width) + 0.3
        bottom = canvas.height - size.margin
        scale_width = 0.0 if self.scale is None else 3.2
        beside = width - scale_width - (0.6 if scale_width else 0)
        notes = self._note_lines(canvas, beside)
        foot = max(lines_height(len(notes), size.small), scale_height(canvas, self.scale))
        if self.scale is not None:
            draw_scale(canvas, self.scale, left, bottom - foot, scale_width)
        write_lines(canvas, notes, left + width - beside, bottom - foot, size.small)
        return Box(left, top, width, bottom - foot - (0.3 if foot else 0) - top)

    def _stacked(self, canvas: Canvas, height_in: Callable[[float, float], float]) -> Box:
        size, left, width = canvas.size, canvas.size.margin, canvas.inner_width
        notes = self._note_lines(canvas, width)
        head = self._heading_height(canvas, width) + 0.08
        foot = lines_height(len(notes), size.small) + 0.06 * bool(notes)
        foot += scale_height(canvas, self.scale) + 0.1 * bool(self.scale)
        height = height_in(width, size.height - head - foot - 2 * size.margin)
        canvas.fit_height(head + height + foot + 2 * size.margin)
        self._heading(canvas, left, size.margin, width)
        y = size.margin + head + height
        if self.scale is not None:
            draw_scale(canvas, self.scale, left, y + 0.1, width)
            y += scale_height(canvas, self.scale) + 0.1
        write_lines(canvas, notes, left, y + 0.06, size.small)
        return Box(left, size.margin + head, width, height)

    def _heading(self, canvas: Canvas, left: float, top: float, width: float) -> float:
        """Writes title and subtitle, and says where they end."""
        size = canvas.size
        title, subtitle = self._heading_lines(canvas, width)
        top = write_lines(canvas, title, left, top, size.title, canvas.theme.ink, bold=True)
        top += _UNDER_TITLE * size.title / POINTS
        return write_lines(canvas, subtitle, left, top, size.text)

    def _heading_lines(self, canvas: Canvas, width: float) -> tuple[list[str], list[str]]:
        title = canvas.wrapped(self.title, canvas.size.title, width, bold=True)
        return title, canvas.wrapped(self.subtitle, canvas.size.text, width)

    def _heading_height(self, canvas: Canvas, width: float) -> float:
        title, subtitle = self._heading_lines(canvas, width)
        size = canvas.size
        gap = _UNDER_TITLE * size.title / POINTS
        return gap + lines_height(len(title), size.title) + lines_height(len(subtitle), size.text)

    def _note_lines(self, canvas: Canvas, width: float) -> list[str]:
        return [
            line for note in self.notes for line in canvas.wrapped(note, canvas.size.small, width)
        ]


def lines_height(count: int, points: float) -> float:
    """The height of some lines of type, in inches."""
    return count * points * _LEADING / POINTS


def write_lines(
    canvas: Canvas, lines: Sequence[str], left: float, top: float, points: float,
    color: str = "", *, bold: bool = False,
) -> float:  # fmt: skip
    """Writes lines below each other, in quiet colour where none is given; says where they end."""
    for line in lines:
        top += points * _LEADING / POINTS
        canvas.text(left, top - 0.3 * points / POINTS, line, points,
                    color or canvas.theme.quiet, bold=bold)  # fmt: skip
    return top


def scale_height(canvas: Canvas, scale: Scale | None) -> float:
    """The height of a legend of shades, in inches."""
    if scale is None:
        return 0.0
    lines = 3.2 + 1.6 * bool(scale.masked)
    return lines * canvas.size.small / POINTS + _bar_height(canvas)


def _bar_height(canvas: Canvas) -> float:
    return 0.8 * canvas.size.small / POINTS


def draw_scale(canvas: Canvas, scale: Scale, left: float, top: float, width: float) -> None:
    """A bar of all shades, with its title above and its ticks below."""
    points = canvas.size.small
    line = points * _LEADING / POINTS
    canvas.text(left, top + line - 0.3 * points / POINTS, scale.title, points, canvas.theme.quiet)
    bar = _bar_height(canvas)
    # Half of the first and of the last label stand out.
    inset = max(canvas.text_width(label, points) for _, label in scale.ticks) / 2
    axes = canvas.axes(left + inset, top + line + 0.1 * line, width - 2 * inset, bar)
    shades = np.linspace(0, 1, 129)[None]  # (1, 129)
    axes.pcolormesh(
        np.linspace(0, 1, 130), [0, 1], shades, cmap=canvas.shades, vmin=0, vmax=1,
        edgecolors="face", linewidth=0.1,
    )  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, 1), yticks=[])
    axes.tick_params(axis="x", length=0.25 * points, color=canvas.theme.quiet)
    canvas.ticks(
        axes, "x", [place for place, _ in scale.ticks], [label for _, label in scale.ticks]
    )
    if not scale.masked:
        return
    y = top + scale_height(canvas, scale) - 0.5 * line
    swatch = canvas.axes(left + inset, y - bar / 2, 1.4 * bar, bar)
    swatch.set(xticks=[], yticks=[], facecolor=canvas.theme.masked)
    x = left + inset + 1.4 * bar + 0.6 * points / POINTS
    canvas.text(x, y, scale.masked, points, canvas.theme.quiet, vertical="center")
