"""The table of `attn inspect-heads` for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from attn_cli.inspection.heads import NAMES
from attn_cli.inspection.terminal.paragraph import Paragraph
from attn_cli.inspection.terminal.table import Table

SHORT = {"previous": "prev.", "induction": "induct.", "word_start": "word"}
NONE = "–"  # where the text has nothing to measure


def heads_table(
    heads: Sequence[Mapping[str, Any]], uniform_baseline: Mapping[str, Any], unit: str
) -> RenderableType:
    """One line a head, and one for uniform attention.

    Args:
        heads: The scores of each, and the loss increase without it.
        uniform_baseline: The scores of uniform attention.
        unit: What a loss is counted by, character or byte.
    """
    shares = [SHORT.get(which, which) for which in NAMES]
    rows = [
        (f"{head['layer']}.{head['head']}", head["name"], _increase(head), *_scores(head))
        for head in heads
    ]
    table = Table(
        ("head", "looks at", "loss increase", *shares, "distance", "bits"),
        [*rows, ("uniform", "", "", *_scores(uniform_baseline))],
        text_columns=2,
    )
    legend = (
        f"loss increase: nats per {unit} without the head, ± its standard error. Shares of its "
        f"attention: on the previous {unit}, itself, the first of the window, the last same "
        f"{unit}, what followed that one (induction), the first letter of the word. A head is "
        "named after a share of a third or more that is twice that of uniform attention. "
        f"distance: {unit}s back; bits: entropy of the weights."
    )
    return Group(table, Text(), Paragraph(legend, style="dim"))


def _increase(head: Mapping[str, Any]) -> str:
    error = head["loss_increase_se"]
    return f"{head['loss_increase']:.4f}" + ("" if error is None else f" ± {error:.4f}")


def _scores(of: Mapping[str, Any]) -> list[str]:
    digits = {**dict.fromkeys(NAMES, 2), "distance": 1, "entropy": 1}
    return [
        NONE if of[which] is None else f"{of[which]:.{decimals}f}"
        for which, decimals in digits.items()
    ]
