"""Attention as a picture, SVG or PNG: one head, or a grid with a row of heads for each layer."""

import io
import warnings
from collections.abc import Sequence
from typing import Literal

from attn_cli.inspection.attention_maps import AttentionMaps
from attn_cli.runs.loss_plot import any_environment
from attn_cli.text.display import printable_symbol

_CELL = {True: 0.24, False: 0.1}  # inches of a cell, in a figure of one head and in a grid
_MIN_SIDE = 1.1  # inches of a map
_MARGIN = 0.9  # inches around all maps, for labels and legend
_MAX_LABELS = {True: 120, False: 40}  # beyond them labels would overlap
_FONT_SIZE = {True: 9, False: 5}
AXES = {
    "cross": ("source", "target"),
    "encoder": ("source: keys", "source: queries"),
    "decoder": ("target: keys", "target: queries"),
    None: ("keys", "queries"),
}


def attention_figure(maps: AttentionMaps, title: str, kind: Literal["svg", "png"]) -> bytes:
    """The maps as an SVG document or a PNG image; the same maps give the same bytes.

    Args:
        maps: (L, H, T, S): queries down, keys across, of an alignment target and source.
        title: What they are of.
        kind: The format.
    """
    # matplotlib takes half a second to import, so it is imported where it draws.
    with any_environment():
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

    L, H, T, S = maps.weights.shape
    turned = 90 * any(len(printable_symbol(key)) > 2 for key in maps.keys)  # degrees
    single = L * H == 1
    width, height = (max(_MIN_SIDE, _CELL[single] * count) + 0.2 for count in (S, T))
    with matplotlib.rc_context(
        {"svg.hashsalt": "attn", "svg.fonttype": "none", "text.usetex": False}
    ):
        figure = Figure(
            figsize=(width * H + 2 * _MARGIN, height * L + 1.5 * _MARGIN), layout="constrained"
        )
        FigureCanvasAgg(figure)
        grid = figure.subplots(L, H, squeeze=False)
        for row, layer in enumerate(maps.layers):
            for column, head in enumerate(maps.heads):
                axes = grid[row][column]
                # From white to dark in one hue: readable in grey, and by the colour-blind.
                image = axes.imshow(maps.weights[row, column], cmap="Blues", vmin=0, vmax=1)
                axes.set_title(f"layer {layer}, head {head}", size=8)
                axes.xaxis.tick_top()
                axes.tick_params(length=0, labelsize=_FONT_SIZE[single])
                axes.set_xticks(*_ticks(maps.keys, single), rotation=turned, parse_math=False)
                axes.set_yticks(*_ticks(maps.queries, single), parse_math=False)
        across, down = AXES[maps.part]
        figure.supxlabel(across, size=9)
        figure.supylabel(down, size=9)
        figure.suptitle(title.encode(errors="replace").decode(), size=9, parse_math=False)
        legend = figure.colorbar(image, ax=grid, shrink=0.8)
        legend.set_label("share of attention", size=9)
        legend.ax.tick_params(labelsize=8)
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            # A symbol that the font lacks is still text in an SVG file.
            warnings.simplefilter("ignore", UserWarning)
            metadata = {"Date": None} if kind == "svg" else {}
            figure.savefig(buffer, format=kind, dpi=200, metadata=metadata)
    return buffer.getvalue()


def _ticks(symbols: Sequence[str], single: bool) -> tuple[Sequence[int], Sequence[str]]:
    """Where labels stand and what they are; none where they would overlap."""
    if len(symbols) > _MAX_LABELS[single]:
        return (), ()
    return range(len(symbols)), [printable_symbol(symbol) for symbol in symbols]
