"""A confusion matrix as a figure.

Shapes: Y labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attn_cli.figures.canvas import POINTS, Canvas
from attn_cli.figures.labelled_map import LabelledMap, MapAxes
from attn_cli.figures.scales import root_scale
from attn_cli.figures.sheet import Sheet

MAX_LABEL = 24  # characters of a label's name that are shown


def draw_confusion(
    canvas: Canvas, confusion: NDArray[np.int64], labels: Sequence[str], subtitle: str
) -> None:
    """Draws a matrix of Y by Y cells, shaded by the fraction of each row, with the counts.

    Args:
        canvas: A new one.
        confusion: How many examples of each label (rows) were taken for each (columns), (Y, Y).
        labels: Their names.
        subtitle: The model and the text.
    """
    right, total = int(np.trace(confusion)), int(confusion.sum())
    notes = [
        "A row is a label, a column what the model predicted. On the diagonal: right.",
        f"{right:,} of {total:,} examples are right.",
    ]
    scale = root_scale("share of a label's examples, in %", percent=True)
    sheet = Sheet("Confusions", subtitle, notes, scale)
    names = [_shortened(label) for label in labels]
    axes = MapAxes("label", "predicted", names, names)
    box = sheet.lay_out(
        canvas, lambda width, height: LabelledMap(canvas, axes, width, height).height, beside=True
    )
    matrix = LabelledMap(canvas, axes, box.width, box.height)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)  # (Y, Y)
    fractions = np.sqrt(shares)
    cells = matrix.draw(box, fractions)
    points = min(canvas.size.text, 0.7 * matrix.cell * POINTS)
    widest = canvas.text_width(f"{confusion.max():,}", points)
    if points < canvas.size.least or widest > 0.9 * matrix.cell:
        points *= 0.9 * matrix.cell / widest
    if points < canvas.size.least:
        return
    for row, column in np.argwhere(confusion).tolist():
        canvas.text(
            cells.left + (column + 0.5) * matrix.cell, cells.top + (row + 0.5) * matrix.cell,
            f"{confusion[row, column]:,}", points, canvas.ink_on(fractions[row, column]),
            align="center", vertical="center",
        )  # fmt: skip


def _shortened(label: str) -> str:
    return label if len(label) <= MAX_LABEL else f"{label[: MAX_LABEL - 1]}…"
