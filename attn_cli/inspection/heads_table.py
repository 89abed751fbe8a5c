"""The table of `attn inspect-heads` for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from attn_cli.inspection.columns import Columns
from attn_cli.inspection.heads import NAMES
from attn_cli.inspection.paragraph import Paragraph

SHORT = {"previous": "prev.", "induction": "induct.", "word_start": "word"}
NONE = "–"  # where the text has nothing to measure


def heads_table(
    heads: Sequence[Mapping[str, Any]], evenly: Mapping[str, Any], unit: str
) -> RenderableType:
    """One line a head, and one for a head that looks at all it sees alike.

    Args:
        heads: The scores of each, and what is lost without it.
        evenly: The scores of the other.
        unit: What a loss is counted by, character or byte.
    """
    shares = [SHORT.get(which, which) for which in NAMES]
    rows = [
        (f"{head['layer']}.{head['head']}", head["name"], _rise(head), *_scores(head))
        for head in heads
    ]
    table = Columns(
        ("head", "looks at", "loss rise", *shares, "distance", "bits"),
        [*rows, ("even", "", "", *_scores(evenly))],
        words=frozenset({0, 1}),
    )
    legend = (
        f"loss rise: nats per {unit} without the head, ± its standard error. Shares of attention: "
        f"on the {unit} before, itself, the first of the window, the last same {unit}, what "
        "followed that one (induction), the first letter of the word. A head is named after a "
        "share of a third or more that is twice that of one that looks evenly (even). "
        f"distance: {unit}s back; bits: entropy of the weights."
    )
    return Group(table, Text(), Paragraph(legend, style="dim"))


def _rise(head: Mapping[str, Any]) -> str:
    error = head["loss_rise_error"]
    return f"{head['loss_rise']:.4f}" + ("" if error is None else f" ± {error:.4f}")


def _scores(of: Mapping[str, Any]) -> list[str]:
    digits = {**dict.fromkeys(NAMES, 2), "distance": 1, "entropy": 1}
    return [
        NONE if of[which] is None else f"{of[which]:.{decimals}f}"
        for which, decimals in digits.items()
    ]
