"""The losses of a run as a figure: what it leaves as `loss.svg`, and what a paper wants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from attn_cli.figures.canvas import Canvas, render
from attn_cli.figures.curves import Curve, Plot, draw_curves
from attn_cli.figures.sheet import Sheet
from attn_cli.figures.style import NOTE
from attn_cli.runs.atomic_files import atomic_write
from attn_cli.runs.metrics import StepMetrics

FLATTEST = 0.62  # height of a column's curves, in their width


def plot_losses(
    path: Path, metrics: Sequence[StepMetrics], title: str, floor: float | None = None
) -> None:
    """Writes `loss.svg`.

    Args:
        path: The file.
        metrics: Oldest first.
        title: The run's name.
        floor: The text's entropy in bits per character, where it is known.

    Raises:
        OSError: It cannot be written.
    """
    atomic_write(path, loss_svg(metrics, title, floor))


def loss_svg(metrics: Sequence[StepMetrics], title: str, floor: float | None = None) -> bytes:
    """Both losses as an SVG document; the same metrics give the same bytes."""
    return render(lambda canvas: draw_losses(canvas, metrics, title, floor), "svg", NOTE)


def draw_losses(
    canvas: Canvas, metrics: Sequence[StepMetrics], title: str, floor: float | None = None
) -> None:
    """Draws training and validation loss over the characters trained on, and the floor."""
    plot = loss_plot(metrics, floor)
    sheet = Sheet(title, _last_loss(metrics))
    box = sheet.lay_out(canvas, lambda width, _: FLATTEST * width)
    draw_curves(canvas, box, plot)


def loss_plot(
    metrics: Sequence[StepMetrics], floor: float | None = None, *, by_step: bool = False
) -> Plot:
    """Both losses of a run, over the characters trained on or over its steps."""
    at = [float(line.step if by_step else line.chars) for line in metrics]
    losses = {
        "training": [line.train_loss for line in metrics],
        "validation": [line.val_loss for line in metrics],
    }
    curves = []
    for name, values in losses.items():
        points = [(x, y) for x, y in zip(at, values, strict=True) if y is not None]
        if points:
            x, y = zip(*points, strict=True)
            curves.append(Curve(name, x, y, has_markers=name == "validation"))
    levels = [] if floor is None else [(f"entropy of the text: {floor * math.log(2):.4f}",
                                        floor * math.log(2))]  # fmt: skip
    across = "steps" if by_step else "characters trained on"
    return Plot(curves, across, f"loss, nats per {_unit(metrics)}", levels)


def _unit(metrics: Sequence[StepMetrics]) -> str:
    """What a loss is of: a label, or a character."""
    return "example" if any(line.val_macro_f1 is not None for line in metrics) else "character"


def _last_loss(metrics: Sequence[StepMetrics]) -> str:
    """The step and the last validation loss, in a line."""
    if not metrics:
        return "not trained yet"
    evaluated = [line for line in metrics if line.val_loss is not None]
    parts = [f"step {metrics[-1].step:,}"]
    if evaluated:
        best = min(evaluated, key=lambda line: line.val_loss or 0.0)
        parts.append(f"lowest validation loss {best.val_loss:.4f}, at step {best.step:,}")
    return ", ".join(parts)
