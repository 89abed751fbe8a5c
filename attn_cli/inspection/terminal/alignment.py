"""Cross-attention drawn in a terminal: the source across, the target down.

Shapes: T target, S source, H heads, L layers; a map is (T, S), a row a step of writing.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from attn_cli.inspection.alignment import alignment_bits
from attn_cli.inspection.attention_maps import AttentionMaps
from attn_cli.inspection.terminal.attention_map import Floats, Legend, SmallMaps, label, map_cell
from attn_cli.inspection.terminal.paragraph import Paragraph

WIDEST_LABEL = 2  # columns; the labels of a row that has a wider one are written downwards
AXES = "Down: the target as it is written. Across: the source. ⏎ is the end of each."


def alignment_view(maps: AttentionMaps, numbers: bool = False) -> RenderableType:
    """The most aligned head, the mean and all heads; a single head, or each in numbers, in full.

    Args:
        maps: Of cross-attention, (L, H, T, S).
        numbers: Whether to write hundredths in place of shades.
    """
    of_heads = [
        (f"head {layer}.{head}", weights)
        for layer, of_layer in zip(maps.layers, maps.weights, strict=True)
        for head, weights in zip(maps.heads, of_layer, strict=True)
    ]
    parts: list[RenderableType] = [Paragraph(AXES, style="dim")]
    if not numbers:
        parts.append(Legend())
    if numbers or len(of_heads) == 1:
        return Group(*parts, *_in_full(of_heads, maps, numbers))
    best, line = _most_aligned(maps.weights, [name for name, _ in of_heads])
    shown = [of_heads[best], ("mean of all heads", maps.weights.mean(axis=(0, 1)))]
    small = SmallMaps(maps.weights, maps.layers, maps.heads, maps.queries, maps.keys, maps.unit)
    coloured = Legend(colours=True, repeated=True)
    full = _in_full(shown, maps, numbers)
    return Group(*parts, Paragraph(line), *full, Text(), coloured, small)


def _in_full(
    named: Sequence[tuple[str, Floats]], maps: AttentionMaps, numbers: bool
) -> Iterator[RenderableType]:
    for name, weights in named:
        yield Text()
        yield Text(name, style="bold")
        yield AlignmentMap(weights, maps.keys, maps.queries, numbers)


def _most_aligned(weights: Floats, names: Sequence[str]) -> tuple[int, str]:
    """Which head aligns most, and a line that says so."""
    bits = alignment_bits(weights).ravel()
    best, most = int(bits.argmax()), math.log2(min(weights.shape[2:]))
    others = np.delete(bits, best)
    return best, (
        f"Most aligned: {names[best]}. Where it looks shares {bits[best]:.1f} bits of information "
        f"with the position in the target, of at most {most:.1f}; in the other heads "
        f"{others.min():.1f} to {others.max():.1f}."
    )


@dataclass(frozen=True, eq=False)
class AlignmentMap:
    """One head: the target downwards, the source across, in several bands where it is too wide."""

    weights: Floats  # (T, S)
    source: Sequence[str]  # the symbol of each of the S characters
    target: Sequence[str]  # the symbol of each of the T characters
    numbers: bool  # whether to write hundredths in place of shades

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        across = [label(symbol, options) for symbol in self.source]
        down = [label(symbol, options) for symbol in self.target]
        widest = max(map(cell_len, across))
        headings = [_downwards(name) if widest > WIDEST_LABEL else [name] for name in across]
        widest = max(cell_len(line) for heading in headings for line in heading)
        cell = max(widest + 1, 4 if self.numbers else 2)
        margin = max(map(cell_len, down)) + 1
        band = max(1, (options.max_width - margin) // cell)
        for first in range(0, len(across), band):
            columns = slice(first, first + band)
            yield from _headings(headings[columns], margin, cell)
            for name, row in zip(down, self.weights[:, columns].tolist(), strict=True):
                line = Text(set_cell_size(name, margin), style="bold", no_wrap=True)
                cells = (map_cell(weight, cell, self.numbers, options) for weight in row)
                line.append("".join(cells).rstrip(), "none")
                yield line


def _headings(headings: Sequence[Sequence[str]], margin: int, cell: int) -> Iterator[Text]:
    """The lines above the columns; a heading of fewer lines stands at the bottom."""
    height = max(map(len, headings))
    for line in range(height):
        names = (
            heading[line - height + len(heading)] if line >= height - len(heading) else ""
            for heading in headings
        )
        text = "".join(set_cell_size(name, cell) for name in names)
        yield Text((" " * margin + text).rstrip(), style="bold", no_wrap=True)


def _downwards(name: str) -> list[str]:
    """The characters of a label, with the marks that sit on them."""
    lines: list[str] = []
    for character in name:
        if lines and not cell_len(character):
            lines[-1] += character
        else:
            lines.append(character)
    return lines
