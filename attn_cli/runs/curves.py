"""`loss.svg`: the training and validation loss over the characters trained on."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

from attn_cli.runs.durable import write_whole
from attn_cli.runs.metrics import StepMetrics


def draw_curves(path: Path, metrics: Sequence[StepMetrics], title: str) -> None:
    """Draws the two losses, in nats per character, as an SVG file."""
    # matplotlib takes half a second to import, so it is imported where it draws.
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    evaluated = [(line.chars, line.val_loss) for line in metrics if line.val_loss is not None]
    # A fixed salt and no date make the same run draw the same file.
    with matplotlib.rc_context({"svg.hashsalt": "attn", "svg.fonttype": "none"}):
        figure = Figure(figsize=(7, 4), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        trained = [(line.chars, line.train_loss) for line in metrics if line.train_loss is not None]
        axes.plot(*zip(*trained, strict=True), label="train", lw=1)
        if evaluated:
            chars, losses = zip(*evaluated, strict=True)
            axes.plot(chars, losses, label="validation", marker="o", ms=4)
        axes.set(xlabel="characters", ylabel="loss, nats per character")
        # A run's name is text, even where it looks like mathematics.
        axes.set_title(title.encode(errors="replace").decode(), parse_math=False)
        axes.grid(alpha=0.3)
        axes.legend()
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            # A name in an alphabet that its font lacks is text in the file all the same.
            warnings.simplefilter("ignore", UserWarning)
            figure.savefig(buffer, format="svg", metadata={"Date": None})
    write_whole(path, buffer.getvalue())
