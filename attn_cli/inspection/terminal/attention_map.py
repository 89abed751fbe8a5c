"""Attention drawn in a terminal: small maps of all heads, or one head in full.

Shades, not colours, tell how much, so that they can be read on any background.

Shapes: T time (characters), S keys, H heads, L layers; a map is (T, T), a row a query.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from attn_cli.inspection.terminal.paragraph import Paragraph
from attn_cli.text.display import map_symbol

Floats = NDArray[np.float32]

# From which share on, a sign and its name where the terminal has only ASCII.
SHADES = ((0.7, "█", "#"), (0.4, "▓", "x"), (0.2, "▒", "="), (0.05, "░", "-"), (0.0, "·", "."))
MOST_CELLS = 32  # a side of a small map
GAP = 3  # blanks between two small maps
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
        return SmallMaps(weights, layers, heads, unit)
    maps: list[RenderableType] = []
    for layer, of_layer in zip(layers, weights, strict=True):
        for head, of_head in zip(heads, of_layer, strict=True):
            maps.append(Text(f"layer {layer}, head {head}", style="bold"))
            maps.append(LargeMap(of_head, characters, numbers, unit))
    return Group(*maps)


@dataclass(frozen=True, eq=False)
class SmallMaps:
    """All heads of some layers side by side; a cell is the maximum of several where T is large."""

    weights: Floats  # (L, H, T, S), each row summing to 1
    layers: Sequence[int]  # the number of each layer, from 1
    heads: Sequence[int]  # the number of each head, from 1
    unit: str = "character"  # what the text consists of, character or byte
    legend: bool = True  # whether the shades are explained below

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        H, T, S = self.weights.shape[1:]
        bin_size = math.ceil(max(T, S) / MOST_CELLS)
        cells = math.ceil(S / bin_size)
        wide = 2 if H * (2 * cells + GAP) <= options.max_width + GAP else 1
        width = max(cells * wide, len("head 10"))
        at_once = max(1, (options.max_width + GAP) // (width + GAP))
        if bin_size > 1:
            yield Paragraph(
                f"Each cell is the largest weight among {bin_size} × {bin_size} {self.unit}s.",
                style="dim",
            )
        for layer, of_layer in zip(self.layers, self.weights, strict=True):
            yield Text(f"layer {layer}", style="bold")
            for first in range(0, H, at_once):
                names = self.heads[first : first + at_once]
                yield Text(_beside([f"head {name}".ljust(width) for name in names]))
                drawn = [
                    [line.ljust(width) for line in _small(head, bin_size, wide, options)]
                    for head in of_layer[first : first + at_once]
                ]
                for lines in zip(*drawn, strict=True):
                    yield Text(_beside(lines), no_wrap=True)
        if self.legend:
            yield Legend()


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
        first, causal = T - shown, _is_causal(self.weights)
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
        if not self.numbers:
            yield Legend()


class Legend:
    """What each shade stands for."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        signs = [plain if options.ascii_only else shade for _, shade, plain in SHADES]
        parts = [f"{signs[-1]} below {SHADES[-2][0]:g}"]
        for place in range(len(SHADES) - 2, 0, -1):
            parts.append(f"{signs[place]} to {SHADES[place - 1][0]:g}")
        parts.append(f"{signs[0]} above")
        yield Paragraph("share of attention:  " + "  ".join(parts), style="dim")


def map_cell(weight: float, size: int, numbers: bool, options: ConsoleOptions) -> str:
    """A weight as a shade or in hundredths, and blanks after it, to a width of `size`."""
    if numbers:
        hundredths = f"{weight:.2f}"
        return (hundredths[1:] if hundredths[0] == "0" else hundredths[:3]).ljust(size)
    return (2 * _shade(weight, options)).ljust(size)


def label(symbol: str, options: ConsoleOptions) -> str:
    """A symbol beside a map."""
    shown = map_symbol(symbol)
    return shown if not options.ascii_only or shown.isascii() else "_"


def _small(weights: Floats, bin_size: int, wide: int, options: ConsoleOptions) -> Iterator[str]:
    """The lines of a small map; what a query cannot see is blank."""
    (T, S), causal = weights.shape, _is_causal(weights)
    for query in range(0, T, bin_size):
        rows = weights[query : query + bin_size]
        most = [
            rows[:, key : key + bin_size].max()
            for key in range(0, min(query + bin_size, T) if causal else S, bin_size)
        ]
        yield "".join(wide * _shade(float(weight), options) for weight in most)


def _is_causal(weights: Floats) -> bool:
    """Whether no query sees a later key: an encoder's map is square."""
    T, S = weights.shape
    return T == S and not np.triu(weights, 1).any()


def _shade(weight: float, options: ConsoleOptions) -> str:
    shade, plain = next((shade, plain) for least, shade, plain in SHADES if weight >= least)
    return plain if options.ascii_only else shade


def _beside(parts: Sequence[str]) -> str:
    return (" " * GAP).join(parts).rstrip()
