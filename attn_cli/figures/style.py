"""How all figures look: two themes and two true sizes.

Shades are those of the page (palette.js): blue for parts of a whole, green for bits, each a single
hue whose lightness changes in one direction only. Curves have colours that colour-blind eyes tell
apart (Okabe and Ito 2008), and markers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ThemeName = Literal["light", "dark"]
SizeName = Literal["slide", "column"]
Hue = Literal["blue", "green"]

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


@dataclass(frozen=True)
class Theme:
    """The colours of a figure."""

    paper: str  # behind everything
    ink: str
    quiet: str  # of what is read second
    rule: str  # of grids and frames
    masked: str  # of a cell that the model cannot see
    frame: str  # of a cell that is marked, seen on all shades
    shades: Mapping[Hue, tuple[str, ...]]  # of data, from nothing to all
    curves: tuple[str, ...]


@dataclass(frozen=True)
class Size:
    """The true size of a figure, in inches, and its type, in points."""

    width: float
    height: float  # of a slide exactly; of a column at most
    is_fixed: bool  # whether the figure has this height whatever it shows
    margin: float
    title: float
    text: float
    small: float
    least: float  # of a label that gets smaller with what it labels
    cell: float  # at most, of a map, in inches
    dpi: int  # of a PNG image


@dataclass(frozen=True)
class Style:
    """A theme at a size."""

    theme: Theme
    size: Size


THEMES: dict[ThemeName, Theme] = {
    "light": Theme(
        paper="#ffffff",
        ink="#1c2228",
        quiet="#57626d",
        rule="#dfe2e0",
        masked="#e9e7e3",
        frame="#e8710a",
        shades={
            "blue": ("#f1f4f7", "#c9d9ea", "#92b4d8", "#5788bf", "#2a5c98", "#0d2f63"),
            "green": ("#f1f5ef", "#cfe0c8", "#9dc295", "#629860", "#33693c", "#103a1d"),
        },
        curves=(
            "#0072b2", "#d55e00", "#009e73", "#b0568c", "#8a6d00", "#3f9bd0", "#57626d", "#1c2228",
        ),
    ),
    "dark": Theme(
        paper="#14181c",
        ink="#e4e8eb",
        quiet="#9ca8b3",
        rule="#2d343b",
        masked="#34312e",
        frame="#e8710a",
        shades={
            "blue": ("#1f252c", "#24405f", "#2c6094", "#4c88c4", "#8fbbe8", "#e2f0ff"),
            "green": ("#1f2721", "#26472d", "#34683c", "#569658", "#9cc898", "#e5f6e1"),
        },
        curves=(
            "#56b4e9", "#e69f00", "#2fc79b", "#dd95be", "#f0e442", "#3f8fd8", "#9ca8b3", "#e4e8eb",
        ),
    ),
}  # fmt: skip
SIZES: dict[SizeName, Size] = {
    # 16:9, as slides are made; 1920 × 1080 pixels.
    "slide": Size(13 + 1 / 3, 7.5, True, 0.55, 26, 17, 14, 9, 0.9, 144),
    # Of a two-column paper: 3.3 inches wide, and no longer than a page's text.
    "column": Size(3.3, 8.8, False, 0.04, 9, 8, 7, 7, 0.3, 600),
}


# Of what a run leaves for a look in between.
NOTE = Style(THEMES["light"], Size(7, 4.2, True, 0.2, 12, 10, 9, 9, 0.4, 150))


def style_named(theme: ThemeName = "light", size: SizeName = "slide") -> Style:
    """The style of these names."""
    return Style(THEMES[theme], SIZES[size])
