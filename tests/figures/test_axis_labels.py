"""Labels of maps: all of them, or positions where they would overlap."""

from __future__ import annotations

import pytest

from attn_cli.figures.axis_labels import axis_labels
from attn_cli.figures.canvas import POINTS, Canvas
from attn_cli.figures.style import SizeName, style_named


@pytest.mark.parametrize("size", ["slide", "column"])
@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("count", [1, 2, 19, 64, 256, 400])
@pytest.mark.parametrize("symbol", ["w", "\n", "\x07", "北"])
def test_no_two_labels_overlap(size: SizeName, axis: str, count: int, symbol: str) -> None:
    canvas = Canvas("svg", style_named("light", size))
    cell = min(canvas.size.cell, (6 if size == "slide" else 2.8) / count)
    labels = axis_labels(canvas, [symbol] * count, cell, axis)  # type: ignore[arg-type]

    for (place, text), (following, other) in zip(
        list(zip(labels.places, labels.texts, strict=True))[:-1],
        list(zip(labels.places, labels.texts, strict=True))[1:],
        strict=True,
    ):
        widths = [canvas.text_width(each, labels.points) for each in (text, other)]
        across = axis == "x" and not labels.turned
        needed = sum(widths) / 2 if across else labels.points / POINTS
        assert needed <= (following - place) * cell
    assert labels.are_positions == (labels.texts[-1] not in (canvas.label(symbol), "1"))
    assert labels.points >= 7


def test_positions_count_from_1() -> None:
    canvas = Canvas("svg", style_named("light", "column"))
    labels = axis_labels(canvas, ["a"] * 256, 2.8 / 256, "y")
    assert (labels.places[0], labels.texts[0]) == (0, "1")
    assert all(
        int(text) == place + 1 for place, text in zip(labels.places, labels.texts, strict=True)
    )
