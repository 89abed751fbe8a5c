"""A confusion matrix as a picture: SVG, PNG or PDF, by the name of the file."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attn_cli.errors import InputError
from attn_cli.runs.atomic_files import atomic_write
from attn_cli.runs.loss_plot import any_environment

FORMATS = (".svg", ".png", ".pdf")
_CELL = 0.32  # inches
_MARGIN = 2.2  # inches, for names and title
_NUMBERED = 30  # labels up to which each cell has its number


def check_figure(path: Path) -> None:
    """Checks that a figure can be written there, in the format that its name says.

    Raises:
        InputError: It names none, or there is no such folder.
    """
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}", "make it, or name another")
    if path.suffix.lower() not in FORMATS:
        raise InputError(
            f"{path}: a figure is one of {', '.join(FORMATS)}", "as in: --figure confusion.svg"
        )


def plot_confusion(
    path: Path, confusion: NDArray[np.int64], labels: Sequence[str], title: str
) -> None:
    """Writes a matrix of Y by Y cells, shaded by the fraction of each row, with the counts.

    Args:
        path: The file; its ending is the format.
        confusion: How many examples of each label (rows) were taken for each (columns), (Y, Y).
        labels: Their names.
        title: What it is of.

    Raises:
        OSError: It cannot be written.
    """
    with any_environment():
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

    fractions = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)  # (Y, Y)
    side = _MARGIN + _CELL * len(labels)
    with matplotlib.rc_context(
        {"svg.hashsalt": "attn", "svg.fonttype": "none", "text.usetex": False}
    ):
        figure = Figure(figsize=(side, side), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        # From white to dark in one hue: readable in grey, and by the colour-blind.
        axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(labels)), labels, rotation=90, parse_math=False)
        axes.set_yticks(range(len(labels)), labels, parse_math=False)
        axes.set(xlabel="predicted", ylabel="label")
        axes.set_title(title, parse_math=False)
        for row, column in zip(*np.nonzero(confusion), strict=True):
            if len(labels) <= _NUMBERED:
                color = "white" if fractions[row, column] > 0.5 else "black"
                number = str(confusion[row, column])
                axes.text(column, row, number, ha="center", va="center", color=color, size=7)
        buffer = io.BytesIO()
        kind = path.suffix.lower().removeprefix(".")
        dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
        figure.savefig(buffer, format=kind, dpi=150, metadata=dates[kind])
    atomic_write(path, buffer.getvalue())
