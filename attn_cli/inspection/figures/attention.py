"""Attention as a figure: one head, or a row of heads for each layer.

Shapes: T queries, S keys, H heads, L layers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attn_cli.figures.canvas import POINTS, Canvas
from attn_cli.figures.heat_map import MOST_SHAPES, draw_map
from attn_cli.figures.labelled_map import LabelledMap, MapAxes
from attn_cli.figures.scales import root_scale
from attn_cli.figures.sheet import Box, Scale, Sheet
from attn_cli.inspection.attention_maps import AttentionMaps

MASKED = "masked: later keys"
# What a row is, and a column.
AXES = {
    "cross": ("target", "source"),
    "encoder": ("source: query", "source: key"),
    "decoder": ("target: query", "target: key"),
    None: ("query", "key"),
}
_GAP = 0.12  # between two maps, in the width of one


def draw_attention(canvas: Canvas, maps: AttentionMaps, subtitle: str) -> None:
    """Draws all maps that there are.

    Args:
        canvas: A new one.
        maps: (L, H, T, S): queries down, keys across; of an alignment target and source.
        subtitle: The model and the text.
    """
    L, H, _, _ = maps.weights.shape
    single = L * H == 1
    down, across = AXES[maps.part]
    notes = [f"A row is a {down}, a column a {across}. Each row sums to 1."]
    title = f"Layer {maps.layers[0]}, head {maps.heads[0]}" if single else _grid_title(maps)
    sheet = Sheet(title, subtitle, notes, weight_scale(maps.weights))
    if single:
        axes = MapAxes(down, across, maps.queries, maps.keys)
        box = sheet.lay_out(
            canvas, lambda width, height: LabelledMap(canvas, axes, width, height).height,
            beside=True,
        )  # fmt: skip
        LabelledMap(canvas, axes, box.width, box.height).draw(box, shaded(maps.weights)[0, 0])
        return
    grid = sheet.lay_out(
        canvas, lambda width, height: _Grid(canvas, maps, width, height).height, beside=True
    )
    _Grid(canvas, maps, grid.width, grid.height).draw(grid)


def _grid_title(maps: AttentionMaps) -> str:
    L, H = maps.weights.shape[:2]
    if L == 1:
        return f"Layer {maps.layers[0]}, {H} heads"
    return f"Head {maps.heads[0]} of {L} layers" if H == 1 else f"All {L * H} heads"


def weight_scale(weights: NDArray[np.float32]) -> Scale:
    """The legend of some maps, (L, H, T, S)."""
    masked = MASKED if _is_causal(weights) else ""
    return root_scale("attention weight", masked=masked)


def _is_causal(weights: NDArray[np.float32]) -> bool:
    """Whether no query of any head, (L, H, T, S), sees a later key."""
    T, S = weights.shape[-2:]
    return 1 < T == S and not np.triu(weights, 1).any()


def shaded(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The fraction of the shades for each weight, (L, H, T, S); NaN for one that is masked."""
    fractions = np.sqrt(weights)
    if _is_causal(weights):
        above = np.triu(np.ones(weights.shape[-2:], dtype=bool), 1)  # (T, S)
        fractions[..., above] = np.nan
    return fractions


class _Grid:
    """All heads in a given room: a row for each layer."""

    def __init__(self, canvas: Canvas, maps: AttentionMaps, width: float, height: float) -> None:
        self._canvas, self._maps = canvas, maps
        L, H, T, S = maps.weights.shape
        self._heading = 1.5 * canvas.size.small / POINTS  # above and beside the maps
        room, high = width - self._heading, height - self._heading
        gap_x, gap_y = (1 + _GAP) * H - _GAP, (1 + _GAP) * L - _GAP
        self._cell = min(canvas.size.cell, room / (S * gap_x), high / (T * gap_y))

    @property
    def height(self) -> float:
        """With its headings."""
        L, T = self._maps.weights.shape[0], self._maps.weights.shape[2]
        return float(self._heading + self._cell * T * ((1 + _GAP) * L - _GAP))

    def draw(self, box: Box) -> None:
        """Draws it in the middle of a box."""
        canvas, maps = self._canvas, self._maps
        L, H, T, S = maps.weights.shape
        fractions, as_image = shaded(maps.weights), maps.weights.size > MOST_SHAPES
        wide, high = self._cell * S, self._cell * T
        width = self._heading + wide * ((1 + _GAP) * H - _GAP)
        left = box.left + (box.width - width) / 2 + self._heading
        top = box.top + (box.height - self.height) / 2 + self._heading
        points = canvas.size.small
        names = _short_or_long(canvas, maps, wide, high)
        for row in range(L):
            y = top + row * high * (1 + _GAP)
            canvas.text(
                left - 0.5 * points / POINTS, y + high / 2, names.layers[row], points,
                canvas.theme.quiet, align="center", turned=True,
            )  # fmt: skip
            for column in range(H):
                x = left + column * wide * (1 + _GAP)
                if row == 0:
                    canvas.text(
                        x + wide / 2, y - 0.5 * points / POINTS, names.heads[column], points,
                        canvas.theme.quiet, align="center",
                    )  # fmt: skip
                axes = canvas.axes(x, y, wide, high)
                draw_map(canvas, axes, fractions[row, column], self._cell, as_image=as_image)


@dataclass(frozen=True)
class _Names:
    """What stands beside the rows of a grid and above its columns."""

    layers: list[str]
    heads: list[str]


def _short_or_long(canvas: Canvas, maps: AttentionMaps, wide: float, high: float) -> _Names:
    """In words, or as numbers where the maps are too small for these."""
    names = _Names(
        [f"layer {layer}" for layer in maps.layers], [f"head {head}" for head in maps.heads]
    )
    points = canvas.size.small
    for room, texts in ((high, names.layers), (wide, names.heads)):
        if max(canvas.text_width(text, points) for text in texts) > 1.1 * room:
            return _Names(list(map(str, maps.layers)), list(map(str, maps.heads)))
    return names
