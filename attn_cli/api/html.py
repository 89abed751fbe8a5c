"""What a notebook shows: HTML that needs nothing else, on a light or a dark page.

Everything that a model, a text or a folder's name may contain is escaped.

Shapes: T time (characters), S keys, H heads, L layers.
"""

import base64
import html
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from attn_cli.runs.metrics import StepMetrics
from attn_cli.text.display import escape_control_characters, printable_symbol

# Seen on white and on black; how much of it says its opacity.
BLUE = "#4c88c4"
ORANGE = "240 136 48"
MAX_BITS = 8.0  # from this surprisal on, the shade is the strongest
MAX_OPACITY = 0.6  # of what stands behind text
MIN_WEIGHT = 0.01  # smaller attention weights leave their cell blank
MAP_SIZE, MIN_CELL, MAX_CELL = 240, 6, 18  # pixels

TEXT_STYLE = "white-space:pre-wrap;overflow-wrap:anywhere;font-family:monospace"
ROW_STYLE = "display:flex;flex-wrap:wrap;gap:12px;margin-bottom:12px"
QUIET_STYLE = "opacity:.7;font-size:.85em"


def text_html(prompt: str, characters: Sequence[tuple[str, float]], caption: str) -> str:
    """A prompt and its continuation, whose characters are shaded by their surprisal.

    Args:
        prompt: Stays unshaded.
        characters: Each character of the continuation and its probability.
        caption: What is said below.
    """
    return (
        f'<div><div style="{TEXT_STYLE}">{_escaped_text(prompt)}'
        f"{''.join(_shaded(character, prob) for character, prob in characters)}</div>"
        f'<div style="{QUIET_STYLE}">{html.escape(caption)}. '
        "The stronger its shade, the less probable a character was; its tooltip says how much."
        "</div></div>"
    )


def attention_html(
    attention: NDArray[np.float32], queries: Sequence[str], keys: Sequence[str] | None = None
) -> str:
    """A map for each head of each layer: a row is a query, a column a key.

    Args:
        attention: The weights, (L, H, T, S).
        queries: T symbols; of an alignment, the target as it is written.
        keys: S symbols; of an alignment, the source. The queries themselves where None.
    """
    rows = []
    for layer, of_layer in enumerate(attention, 1):
        maps = (
            _attention_map(weights, queries, keys or queries, f"layer {layer}, head {head}")
            for head, weights in enumerate(of_layer, 1)
        )
        rows.append(f'<div style="{ROW_STYLE}">{"".join(maps)}</div>')
    axes = "a query, a column a key" if keys is None else "of the target, a column of the source"
    return (
        f'<div>{"".join(rows)}<div style="{QUIET_STYLE}">A row is {axes}. '
        f"Weights below {MIN_WEIGHT} are blank.</div></div>"
    )


def run_html(
    name: str,
    metrics: Sequence[StepMetrics],
    plot: bytes | None,
    samples: Sequence[tuple[int, str]],
) -> str:
    """A run's name, its last losses, their plot, and some samples.

    Args:
        name: Of its folder.
        metrics: Oldest first.
        plot: Both losses as an SVG document.
        samples: Each with its step.
    """
    parts = [f"<div><strong>{_escaped_text(name)}</strong> {_progress(metrics)}</div>"]
    if plot is not None:
        data = base64.b64encode(plot).decode()
        parts.append(
            f'<img alt="training and validation loss" style="max-width:100%;background:white" '
            f'src="data:image/svg+xml;base64,{data}">'
        )
    for step, text in samples:
        parts.append(
            f'<div style="{QUIET_STYLE};margin-top:8px">sample at step {step:,}</div>'
            f'<div style="{TEXT_STYLE};max-height:12em;overflow:auto">{_escaped_text(text)}</div>'
        )
    return f"<div>{''.join(parts)}</div>"


def _progress(metrics: Sequence[StepMetrics]) -> str:
    if not metrics:
        return "has not been trained yet"
    words = f"step {metrics[-1].step:,}"
    losses = [line.val_loss for line in metrics if line.val_loss is not None]
    if losses:
        of = "example" if any(line.val_macro_f1 is not None for line in metrics) else "character"
        words += f", validation loss {losses[-1]:.4f}, best {min(losses):.4f} nats per {of}"
    return words


def _shaded(character: str, prob: float) -> str:
    """A character on the shade of its surprisal, with its probability as a tooltip."""
    bits = -math.log2(prob) if prob > 0 else math.inf
    opacity = MAX_OPACITY * min(1.0, bits / MAX_BITS)
    # A newline has no width to shade: a blank stands before it.
    shown = " \n" if character == "\n" else _escaped_text(character)
    return (
        f'<span style="background:rgb({ORANGE} / {opacity:.2f})" '
        f'title="{_escaped(printable_symbol(character))} {prob:.1%}">'
        f"{shown}</span>"
    )


def _attention_map(
    weights: NDArray[np.float32], queries: Sequence[str], keys: Sequence[str], title: str
) -> str:
    """The weights of one head, (T, S), as an SVG; a cell's tooltip has its number."""
    T, S = weights.shape
    down, across = [[printable_symbol(symbol) for symbol in each] for each in (queries, keys)]
    cell = min(MAX_CELL, max(MIN_CELL, MAP_SIZE // max(T, S)))
    # Symbols of several characters need more room.
    left, top = (max(2, math.ceil(0.6 * max(map(len, each)))) * cell for each in (down, across))
    down, across = [[_escaped(symbol) for symbol in each] for each in (down, across)]
    width, height = max(S * cell + left, 120), T * cell + top + 18
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'font-family="monospace" font-size="{cell * 0.8:.1f}" fill="currentColor" role="img">'
        f'<text y="12" font-size="12" font-family="sans-serif">{title}</text>'
        f'<g transform="translate({left} {top + 18})">'
        f"{''.join(_labels(down, across, cell, upright=top == 2 * cell))}"
        f'<g transform="scale({cell})" fill="{BLUE}" shape-rendering="crispEdges">'
        f'<path d="M0 0h{S}v{T}h-{S}z" opacity=".06"/>'
        f"{''.join(_cells(weights, down, across))}</g></g></svg>"
    )


def _labels(
    down: Sequence[str], across: Sequence[str], cell: int, *, upright: bool
) -> Iterator[str]:
    """The characters to the left of the rows and above the columns, these turned if not upright."""
    gap = -0.4 * cell
    for index, label in enumerate(down):
        middle = (index + 0.5) * cell
        yield f'<text x="{gap:.1f}" y="{middle:.1f}" text-anchor="end" '
        yield f'dominant-baseline="central">{label}</text>'
    for index, label in enumerate(across):
        place = f"translate({(index + 0.5) * cell:.1f} {gap:.1f})"
        yield (
            f'<text transform="{place}" text-anchor="middle">{label}</text>'
            if upright
            else f'<text transform="{place} rotate(-90)" dominant-baseline="central">{label}</text>'
        )


def _cells(
    weights: NDArray[np.float32], down: Sequence[str], across: Sequence[str]
) -> Iterator[str]:
    """A square of side 1 for each weight (T, S) that is not too small to be seen."""
    for query, key in np.argwhere(weights >= MIN_WEIGHT).tolist():
        weight = float(weights[query, key])
        # Most weights are small: their square root makes them visible.
        yield (
            f'<path d="M{key} {query}h1v1h-1z" opacity="{math.sqrt(weight):.2f}">'
            f"<title>{down[query]} to {across[key]}: {weight:.3f}</title></path>"
        )


def _escaped_text(text: str) -> str:
    """A text as HTML, with what is unsafe to show by its code."""
    return _escaped(escape_control_characters(text))


def _escaped(text: str) -> str:
    """A text as HTML; what is no Unicode, as in a folder's name, becomes a question mark."""
    return html.escape(text.encode(errors="replace").decode())
