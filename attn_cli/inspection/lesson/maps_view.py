"""Maps of attention weights in a lesson in the terminal, drawn beside each other in shades."""

import math
from collections.abc import Iterator
from itertools import zip_longest

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.console import ConsoleOptions

from attn_cli.inspection.lesson.blocks import Map, Maps
from attn_cli.inspection.terminal.attention_map import (
    binned_row,
    is_causal,
    label,
    map_cell,
    shade_words,
    sign_of,
)

INDENT = "  "
GAP = 4  # columns between two maps
LEAST_ROOM = 16  # columns for a map that stands beside another


def maps_lines(part: Maps, options: ConsoleOptions) -> Iterator[tuple[str, str]]:
    """The lines of all maps, each with its style; then what the shades mean."""
    count, width = len(part.maps), options.max_width - len(INDENT)
    room = (width - (count - 1) * GAP) // count
    beside = room >= LEAST_ROOM
    drawn = [list(_map_lines(each, room if beside else width, options)) for each in part.maps]
    if beside:
        sizes = [max(map(cell_len, lines)) + GAP for lines in drawn]
        for number, row in enumerate(zip_longest(*drawn, fillvalue="")):
            cells = zip(row, sizes, strict=True)
            yield INDENT + "".join(set_cell_size(*cell) for cell in cells), _style(number)
    else:
        for lines in drawn:
            for number, line in enumerate(lines):
                yield INDENT + line, _style(number)
    yield "", ""
    if (largest := _bin(part.maps[0], room if beside else width, options)) > 1:
        yield f"{INDENT}Each cell is the largest weight among {largest} × {largest}.", "dim"
    yield INDENT + _shades(options), "dim"


def _style(line: int) -> str:
    return "italic" if line == 0 else ""


def _map_lines(each: Map, room: int, options: ConsoleOptions) -> Iterator[str]:
    """The caption, the keys, and a row for each query; what a causal mask hides is blank."""
    yield each.caption
    bin_size, cell = _bin(each, room, options), _cell(each, room, options)
    margin = 0
    if bin_size == 1:
        names = [label(symbol, options) for symbol in each.rows]
        margin = max(map(cell_len, names)) + 1
        yield " " * margin + "".join(
            set_cell_size(label(symbol, options), cell) for symbol in each.columns
        )
    weights = np.array(each.weights, dtype=np.float32)
    causal = each.rows == each.columns and is_causal(weights)
    for first in range(0, len(each.rows), bin_size):
        most = binned_row(weights, first, bin_size, causal)
        name = set_cell_size(names[first], margin) if margin else ""
        yield name + "".join(map_cell(weight, 2, False, options)[:cell] for weight in most)


def _bin(each: Map, room: int, options: ConsoleOptions) -> int:
    """How many characters share a cell in either direction."""
    margin = max(cell_len(label(symbol, options)) for symbol in each.rows) + 1
    widest = max(cell_len(label(symbol, options)) for symbol in each.columns)
    if margin + widest * len(each.columns) <= room:
        return 1
    return math.ceil(max(len(each.columns), len(each.rows)) / room)


def _cell(each: Map, room: int, options: ConsoleOptions) -> int:
    """The columns of a cell: two where there is room, so that it is about as wide as high."""
    if _bin(each, room, options) > 1:
        return 1
    margin = max(cell_len(label(symbol, options)) for symbol in each.rows) + 1
    widest = max(cell_len(label(symbol, options)) for symbol in each.columns)
    return 2 if margin + 2 * len(each.columns) <= room else widest


def _shades(options: ConsoleOptions) -> str:
    """What each shade stands for, on one line."""
    parts = [f"{sign_of(shade, options)} {words}" for shade, words in shade_words()]
    return "weight:  " + "  ".join(parts)
