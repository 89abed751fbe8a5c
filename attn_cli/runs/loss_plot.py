"""`loss.svg`: the training and validation loss over the characters trained on."""

import io
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attn_cli.runs.atomic_files import atomic_write
from attn_cli.runs.metrics import StepMetrics


def plot_losses(path: Path, metrics: Sequence[StepMetrics], title: str) -> None:
    """Writes an SVG file with both losses, in nats per character.

    Raises:
        OSError: It cannot be written.
    """
    atomic_write(path, loss_svg(metrics, title))


def loss_svg(metrics: Sequence[StepMetrics], title: str) -> bytes:
    """The plot of both losses as an SVG document; the same metrics give the same bytes."""
    # matplotlib takes half a second to import, so it is imported where it draws.
    with any_environment():
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

    trained = [(line.chars, line.train_loss) for line in metrics if line.train_loss is not None]
    evaluated = [(line.chars, line.val_loss) for line in metrics if line.val_loss is not None]
    # A fixed salt and no date, for the same bytes.
    with matplotlib.rc_context(
        {"svg.hashsalt": "attn", "svg.fonttype": "none", "text.usetex": False}
    ):
        figure = Figure(figsize=(7, 4), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.plot(*zip(*trained, strict=True), label="train", lw=1)
        if evaluated:
            axes.plot(*zip(*evaluated, strict=True), label="validation", marker="o", ms=4)
        of = "example" if any(line.val_accuracy is not None for line in metrics) else "character"
        axes.set(xlabel="characters", ylabel=f"loss, nats per {of}")
        # A run's name is text, even where it looks like mathematics.
        axes.set_title(title.encode(errors="replace").decode(), parse_math=False)
        axes.grid(alpha=0.3)
        axes.legend()
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            # A title in an alphabet that the font lacks is still text in the file.
            warnings.simplefilter("ignore", UserWarning)
            figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


@contextmanager
def any_environment() -> Iterator[None]:
    """Context manager: matplotlib can be imported without a word whatever the environment is.

    It refuses a backend of MPLBACKEND that is not installed, as that of a notebook may be in a
    command that the notebook starts, though an SVG file needs none; and it says at length that
    there is no home folder to write to.
    """
    logger = logging.getLogger("matplotlib")
    level, backend = logger.level, os.environ.pop("MPLBACKEND", None)
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
