"""A sheet of paper measured in inches from its upper left corner, written as SVG, PNG or PDF."""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from attn_cli.figures.fonts import MONO, SANS, code_point, families, is_drawable, shown_text
from attn_cli.figures.style import Hue, Style
from attn_cli.text.display import printable_symbol

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

Kind = Literal["svg", "png", "pdf"]
Draw = Callable[["Canvas"], None]

POINTS = 72  # of an inch
_CAPITAL = 0.73  # height of a capital letter in that of its type
# No dates, for the same bytes.
_METADATA: dict[Kind, dict[str, Any]] = {
    "svg": {"Date": None},
    "png": {},
    "pdf": {"CreationDate": None},
}
_SETTINGS: Any = {
    "svg.hashsalt": "attn",  # for the same bytes
    "svg.fonttype": "none",  # text stays text
    "pdf.fonttype": 42,  # likewise, in the fonts themselves
    "text.usetex": False,
    "text.parse_math": False,  # names are text, even where they look like mathematics
    "axes.unicode_minus": True,
}


def render(draw: Draw, kind: Kind, style: Style) -> bytes:
    """The file of a figure; the same figure gives the same bytes."""
    # matplotlib takes half a second to import, so it is imported where it draws.
    with any_environment(), warnings.catch_warnings():
        import matplotlib

        # In an SVG file a character that no font has is still text.
        warnings.simplefilter("ignore", UserWarning)
        with matplotlib.rc_context({**_SETTINGS, "font.family": [SANS]}):
            canvas = Canvas(kind, style)
            draw(canvas)
            return canvas.file()


class Canvas:
    """The sheet: drawn on from top to bottom, and as high as what was drawn.

    Args:
        kind: Of the file.
        style: Of the figure.
    """

    def __init__(self, kind: Kind, style: Style) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.kind, self.style = kind, style
        self.hue: Hue = "blue"  # of all its shades; to be changed before anything is drawn
        self.theme, self.size = style.theme, style.size
        self.width, self.height = self.size.width, self.size.height
        self._figure = Figure(figsize=(self.width, self.height), facecolor=self.theme.paper)
        self._canvas = FigureCanvasAgg(self._figure)

    @property
    def inner_width(self) -> float:
        """Between the margins."""
        return self.width - 2 * self.size.margin

    def fit_height(self, height: float) -> None:
        """Makes a sheet whose height is not fixed as high as needed; before anything is drawn."""
        if not self.size.is_fixed:
            self.height = height
            self._figure.set_size_inches(self.width, height)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """A plot at a place, its ticks and lines in the theme's colours."""
        box = (left / self.width, 1 - (top + height) / self.height)
        axes = self._figure.add_axes((*box, width / self.width, height / self.height))
        axes.set_facecolor(self.theme.paper)
        axes.tick_params(
            colors=self.theme.quiet, labelcolor=self.theme.ink, labelsize=self.size.small,
            length=0, pad=0.3 * self.size.small,
        )  # fmt: skip
        for spine in axes.spines.values():
            spine.set_color(self.theme.rule)
            spine.set_linewidth(self.line_width)
        return axes

    @property
    def line_width(self) -> float:
        """Of a thin line, in points."""
        return self.size.small / 12

    def text(
        self, x: float, y: float, text: str, size: float | None = None, color: str = "",
        *, align: str = "left", vertical: str = "baseline", bold: bool = False, mono: bool = False,
        turned: bool = False,
    ) -> None:  # fmt: skip
        """Writes a text at a place.

        Args:
            x: Of its left end, its middle or its right end, as `align` says.
            y: Of its baseline, or of its centre where `vertical` is "center".
            text: What to write.
            size: In points.
            color: The theme's ink where empty.
            align: left, center or right.
            vertical: baseline or center.
            bold: Whether in bold type.
            mono: Whether in type of one width.
            turned: Whether it is written upwards.
        """
        shown = self.shown(text)
        points = size or self.size.text
        if vertical == "center" and not turned:
            y, vertical = y + points * _CAPITAL / 2 / POINTS, "baseline"
        self._figure.text(
            x / self.width, 1 - y / self.height, shown, size=points, ha=align, va=vertical,
            color=color or self.theme.ink, weight="bold" if bold else "normal",
            rotation=90 if turned else 0, rotation_mode="anchor",
            family=families(shown, MONO if mono else SANS),
        )  # fmt: skip

    def frame(self, left: float, top: float, width: float, height: float) -> None:
        """Draws a frame inside a cell, which is seen on all shades."""
        from matplotlib.patches import Rectangle

        line = max(0.8, min(2.5, 0.06 * height * POINTS))
        inset = line / 2 / POINTS
        self._figure.add_artist(
            Rectangle(
                ((left + inset) / self.width, 1 - (top + height - inset) / self.height),
                (width - 2 * inset) / self.width, (height - 2 * inset) / self.height,
                fill=False, edgecolor=self.theme.frame, linewidth=line,
            )
        )  # fmt: skip

    def text_width(self, text: str, size: float, *, bold: bool = False) -> float:
        """How wide a text is, in inches."""
        from matplotlib.font_manager import FontProperties

        shown = self.shown(text)
        font = FontProperties(
            family=families(shown), size=size, weight="bold" if bold else "normal"
        )
        renderer: Any = self._canvas.get_renderer()  # type: ignore[no-untyped-call]
        width, _, _ = renderer.get_text_width_height_descent(shown, font, False)
        return float(width) / self._figure.dpi

    def wrapped(self, text: str, size: float, width: float, *, bold: bool = False) -> list[str]:
        """A text in lines that are no wider than so many inches."""
        lines, line = [], ""
        for word in text.split(" "):
            longer = f"{line} {word}" if line else word
            if line and self.text_width(longer, size, bold=bold) > width:
                lines.append(line)
                longer = word
            line = longer
        return [*lines, line]

    def shown(self, text: str) -> str:
        """A text as it is drawn: a sign stands for what no font has; an SVG file has all of it."""
        text = text.encode(errors="replace").decode()
        return text if self.kind == "svg" else shown_text(text)

    def label(self, symbol: str) -> str:
        """A symbol of a vocabulary by itself: by its number where no font has it."""
        shown = printable_symbol(symbol)
        if self.kind == "svg" or all(map(is_drawable, shown)):
            return shown
        return code_point(symbol) if len(symbol) == 1 else self.shown(shown)

    def ticks(
        self, axes: Axes, which: Literal["x", "y"], places: Sequence[float], labels: Sequence[str],
        *, size: float = 0, turned: bool = False,
    ) -> None:  # fmt: skip
        """Sets the labels of an axis."""
        axis = axes.xaxis if which == "x" else axes.yaxis
        axis.set_ticks(
            list(places), list(labels), family=families("".join(labels)),
            size=size or self.size.small, rotation=90 if turned else 0,
        )  # fmt: skip

    @cached_property
    def shades(self) -> Colormap:
        """The shades of data, from 0 to 1; what is no number has the colour of the mask."""
        from matplotlib.colors import LinearSegmentedColormap

        shades = LinearSegmentedColormap.from_list("attn", list(self.theme.shades[self.hue]))
        return shades.with_extremes(bad=self.theme.masked)

    def ink_on(self, fraction: float) -> str:
        """Black or white, whichever is easier to read on a shade."""
        red, green, blue, _ = self.shades(fraction)
        levels = [
            each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4
            for each in (red, green, blue)
        ]
        # Relative luminance (WCAG 2.2); black and white are equally far from 0.18.
        light = 0.2126 * levels[0] + 0.7152 * levels[1] + 0.0722 * levels[2]
        return "#000000" if light > 0.18 else "#ffffff"

    def file(self) -> bytes:
        """What was drawn, as the content of a file."""
        buffer = io.BytesIO()
        self._figure.savefig(
            buffer, format=self.kind, dpi=self.size.dpi, metadata=_METADATA[self.kind],
            facecolor=self.theme.paper,
        )  # fmt: skip
        return buffer.getvalue()


@contextmanager
def any_environment() -> Iterator[None]:
    """Context manager: matplotlib works without a word whatever the environment is.

    It refuses a backend of MPLBACKEND that is not installed, as that of a notebook may be in a
    command that the notebook starts, though a file needs none; and it says at length that there
    is no home folder to write to, and which fonts it would rather have.
    """
    logger = logging.getLogger("matplotlib")
    level, backend = logger.level, os.environ.pop("MPLBACKEND", None)
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
