"""Attention drawn in a terminal: small maps of all heads, or one head in full.

Shades, not colours, tell how much, so that they can be read on any background.

Shapes: T time (characters), S keys, H heads, L layers; a map is (T, T), a row a query.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.style import Style
from rich.text import Text

from attn_cli.inspection.terminal.paragraph import Paragraph
from attn_cli.text.display import map_symbol

Floats = NDArray[np.float32]


class Shade(NamedTuple):
    """How a weight is drawn."""

    least: float  # from which weight on
    sign: str
    plain: str  # the sign where the terminal has only ASCII
    colour: str  # dark to bright, and told apart without seeing red or green


SHADES = (
    Shade(0.7, "█", "#", "#fde74c"),
    Shade(0.4, "▓", "x", "#f2a65a"),
    Shade(0.2, "▒", "=", "#b5527c"),
    Shade(0.05, "░", "-", "#55378b"),
    Shade(0.0, "·", ".", "#1f1f3d"),
)
MOST_CELLS = 32  # a side of a small map
GAP = 2  # blanks between two small maps
EARLIER = "…"  # heads the column that sums up what is left of those shown


def attention_view(
    weights: Floats,
    layers: Sequence[int],
    heads: Sequence[int],
    characters: Sequence[str],
    unit: str,
    *,
    numbers: bool = False,
) -> RenderableType:
    """Small maps of all heads; a single head, or every one where numbers are asked for, in full.

    Args:
        weights: (L, H, T, T), each row summing to 1.
        layers: The number of each layer, from 1.
        heads: The number of each head, from 1.
        characters: The symbol of each of the T characters.
        unit: What these are, character or byte.
        numbers: Whether to write hundredths in place of shades.
    """
    if weights.shape[:2] != (1, 1) and not numbers:
        small = SmallMaps(weights, layers, heads, characters, characters, unit)
        return Group(Legend(colours=True), small)
    maps: list[RenderableType] = [] if numbers else [Legend()]
    for layer, of_layer in zip(layers, weights, strict=True):
        for head, of_head in zip(heads, of_layer, strict=True):
            maps.append(Text(f"head {layer}.{head}", style="bold"))
            maps.append(LargeMap(of_head, characters, numbers, unit))
    return Group(*maps)


@dataclass(frozen=True, eq=False)
class SmallMaps:
    """All heads of some layers side by side; a cell is the maximum of several where T is large.

    With colours, a line of the terminal holds two rows of a map.
    """

    weights: Floats  # (L, H, T, S), each row summing to 1
    layers: Sequence[int]  # the number of each layer, from 1
    heads: Sequence[int]  # the number of each head, from 1
    queries: Sequence[str]  # the symbol of each of the T rows
    keys: Sequence[str]  # the symbol of each of the S columns
    unit: str = "character"  # what the text consists of, character or byte

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        H, _, S = self.weights.shape[1:]
        paint = TwoRows() if has_colours(console, options) else OneRow(options)
        bin_size = self._bin_size
        labels = _Labels(self, paint.rows, options) if bin_size == 1 else None
        margin, wide = (labels.margin, labels.wide) if labels else (0, 1)
        width = max(math.ceil(S / bin_size) * wide, len("10.10"))
        fitting = (options.max_width - margin + GAP) // (width + GAP)
        at_once = _evenly(H, max(1, fitting))
        if bin_size > 1:
            yield Paragraph(
                f"Each cell is the largest weight among {bin_size} × {bin_size} {self.unit}s.",
                style="dim",
            )
        for layer, of_layer in zip(self.layers, self.weights, strict=True):
            for first in range(0, H, at_once):
                these = slice(first, first + at_once)
                names = [Text(f"{layer}.{head}", "bold") for head in self.heads[these]]
                yield _beside(names, width, Text(" " * margin))
                if labels:
                    yield _beside([labels.across] * len(names), width, Text(" " * margin))
                yield from self._band(of_layer[these], paint, labels, width)

    @property
    def _bin_size(self) -> int:
        T, S = self.weights.shape[2:]
        return math.ceil(max(int(T), int(S)) / MOST_CELLS)

    def _band(
        self, heads: Floats, paint: OneRow | TwoRows, labels: _Labels | None, width: int
    ) -> Iterator[Text]:
        """The lines of the maps that stand side by side."""
        bin_size, wide = self._bin_size, labels.wide if labels else 1
        causal = is_causal(heads[0])
        for query in range(0, heads.shape[1], bin_size * paint.rows):
            lines = []
            for head in heads:
                rows = [
                    binned_row(head, query + each * bin_size, bin_size, causal)
                    for each in range(paint.rows)
                ]
                lines.append(paint.line(rows, wide))
            yield _beside(lines, width, labels.of_rows(query) if labels else Text())


class _Labels:
    """The symbols beside and above small maps."""

    def __init__(self, maps: SmallMaps, rows: int, options: ConsoleOptions) -> None:
        self.rows = rows  # of a map in a line, and so labels beside it
        self.down = [label(each, options) for each in maps.queries]
        across = [label(each, options) for each in maps.keys]
        self.wide = max(map(cell_len, across))  # columns of a cell
        self.margin = 1 + rows * max(map(cell_len, self.down))
        self.across = Text("".join(set_cell_size(each, self.wide) for each in across), "dim")

    def of_rows(self, query: int) -> Text:
        """What stands before a line."""
        names = "".join(self.down[query : query + self.rows])
        return Text(set_cell_size(names, self.margin), "dim")


class OneRow:
    """A row of a map as a line of shades."""

    rows = 1  # of a map, in a line

    def __init__(self, options: ConsoleOptions) -> None:
        self.options = options

    def line(self, rows: Sequence[Sequence[float]], wide: int) -> Text:
        """The line, each cell `wide` columns."""
        return Text("".join(wide * shaded(weight, self.options) for weight in rows[0]), "none")


class TwoRows:
    """Two rows of a map in a line of half blocks: the upper is the ink, the lower the ground.

    The colours have a ground of their own, and so are the same on any terminal.
    """

    rows = 2  # of a map, in a line

    def line(self, rows: Sequence[Sequence[float]], wide: int) -> Text:
        """The line, each cell `wide` columns; what a query cannot see is left as it is."""
        text = Text()
        upper, lower = rows
        for key in range(max(len(upper), len(lower))):
            over = _colour(upper[key]) if key < len(upper) else None
            under = _colour(lower[key]) if key < len(lower) else None
            if over is None:
                text.append("▄" * wide, Style(color=under))
            else:
                text.append("▀" * wide, Style(color=over, bgcolor=under))
        return text


@dataclass(frozen=True, eq=False)
class LargeMap:
    """One head: queries downwards, keys across; the last of them where not all fit."""

    weights: Floats  # (T, T)
    characters: Sequence[str]  # the symbol of each of the T characters
    numbers: bool  # whether to write hundredths in place of shades
    unit: str = "character"  # what the text consists of, character or byte

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        T = len(self.characters)
        names = [label(symbol, options) for symbol in self.characters]
        across = max(map(cell_len, names))  # a Chinese character takes two columns
        cell = max(across + 1, 4 if self.numbers else 2)
        margin = max(across, len(str(T))) + 1
        # With a column for what came before, if not all fit.
        fitting = (options.max_width - margin) // cell
        shown = T if fitting >= T else max(1, fitting - 1)
        first, causal = T - shown, is_causal(self.weights)
        heads = [EARLIER] * (first > 0) + names[first:]
        yield Text(
            " " * margin + "".join(set_cell_size(name, cell) for name in heads).rstrip(), "bold"
        )
        for query in range(first, T):
            row = self.weights[query]
            line = Text(set_cell_size(names[query], margin), style="bold", no_wrap=True)
            last = query + 1 if causal else T
            values = [float(row[:first].sum())] * (first > 0) + row[first:last].tolist()
            cells = (map_cell(each, cell, self.numbers, options) for each in values)
            line.append("".join(cells).rstrip(), "none")
            yield line
        if first:
            yield Paragraph(
                f"The last {shown} of {T} {self.unit}s; {EARLIER} sums up the {first} before.",
                style="dim",
            )


class Legend:
    """What each shade stands for."""

    def __init__(self, *, colours: bool = False, repeated: bool = False) -> None:
        self.colours = colours  # whether the maps are drawn in colours, where there are any
        self.repeated = repeated  # whether the signs have been explained before

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        coloured = self.colours and has_colours(console, options)
        if self.repeated and not coloured:
            return
        line = Text("share of attention:", style="dim")
        for each, words in shade_words():
            sign = "██" if coloured else sign_of(each, options)
            line.append("  ")
            line.append(sign, Style(color=each.colour, dim=False) if coloured else "none")
            line.append(f" {words}")
        yield line


def map_cell(weight: float, size: int, numbers: bool, options: ConsoleOptions) -> str:
    """A weight as a shade or in hundredths, and blanks after it, to a width of `size`."""
    if numbers:
        hundredths = f"{weight:.2f}"
        return (hundredths[1:] if hundredths[0] == "0" else hundredths[:3]).ljust(size)
    return (2 * shaded(weight, options)).ljust(size)


def label(symbol: str, options: ConsoleOptions) -> str:
    """A symbol beside a map."""
    shown = map_symbol(symbol)
    return shown if not options.ascii_only or shown.isascii() else "_"


def binned_row(weights: Floats, query: int, bin_size: int, causal: bool) -> list[float]:
    """A row of a small map: the largest weight of each bin that its queries can see."""
    T, S = weights.shape
    rows = weights[query : query + bin_size]
    seen = (min(query + bin_size, T) if causal else S) if query < T else 0
    return [float(rows[:, key : key + bin_size].max()) for key in range(0, seen, bin_size)]


def is_causal(weights: Floats) -> bool:
    """Whether no query sees a later key: an encoder's map is square."""
    T, S = weights.shape
    return T == S and not np.triu(weights, 1).any()


def shade_words() -> list[tuple[Shade, str]]:
    """Each shade from the faintest on, and the weights that it stands for."""
    words = [f"below {SHADES[-2].least:g}"]
    words += [f"to {SHADES[place - 1].least:g}" for place in range(len(SHADES) - 2, 0, -1)]
    return list(zip(reversed(SHADES), [*words, "above"], strict=True))


def sign_of(shade: Shade, options: ConsoleOptions) -> str:
    """How a shade is written, where the terminal has only ASCII, too."""
    return shade.plain if options.ascii_only else shade.sign


def shaded(weight: float, options: ConsoleOptions) -> str:
    """The sign of a weight."""
    return sign_of(_class_of(weight), options)


def _colour(weight: float) -> str:
    return _class_of(weight).colour


def _class_of(weight: float) -> Shade:
    return next(each for each in SHADES if weight >= each.least)


def has_colours(console: Console, options: ConsoleOptions) -> bool:
    """Whether half blocks in colours can be shown: a terminal that has them, and wants them."""
    rich = console.color_system in ("256", "truecolor") and not console.no_color
    return rich and not options.ascii_only


def _evenly(count: int, most: int) -> int:
    """How many of `count` to put in a row, at most `most`, so that the rows are alike: 2 + 2."""
    return math.ceil(count / math.ceil(count / most))


def _beside(parts: Sequence[Text], width: int, margin: Text) -> Text:
    """Lines of several maps as one, after what stands at its left."""
    line = Text(no_wrap=True).append_text(margin)
    for number, part in enumerate(parts):
        line.append(" " * (margin.cell_len + number * (width + GAP) - line.cell_len))
        line.append_text(part)
    line.rstrip()
    return line
