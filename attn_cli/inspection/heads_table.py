"""The table of `attn inspect-heads` for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from attn_cli.inspection.heads import NAMES
from attn_cli.inspection.paragraph import Paragraph

SHORT = {"previous": "prev.", "induction": "induct.", "word_start": "word"}


def heads_table(heads: Sequence[Mapping[str, Any]], evenly: Mapping[str, Any]) -> RenderableType:
    """One line a head, and one for a head that looks at all it sees alike."""
    table = Table(box=None, pad_edge=False)
    table.add_column("head", no_wrap=True)
    for which in (*NAMES, "distance", "bits", "loss rise"):
        table.add_column(SHORT.get(which, which), justify="right", no_wrap=True)
    table.add_column("looks at", no_wrap=True)
    for head in heads:
        error = head["loss_rise_error"]
        margin = "" if error is None else f" ± {error:.4f}"
        table.add_row(
            f"{head['layer']}.{head['head']}",
            *_scores(head),
            f"{head['loss_rise']:.4f}{margin}",
            head["name"],
        )
    table.add_row("even", *_scores(evenly), style="dim")
    return Group(
        table,
        Text(),
        Paragraph(
            "Shares of attention: on the character before, itself, the first of the window, the "
            "last same character, what followed that one (induction), the first letter of the "
            "word. distance: characters back; bits: entropy of the weights. loss rise: nats per "
            "character without the head. even: a head that looks at all it sees alike.",
            style="dim",
        ),
    )


def _scores(of: Mapping[str, Any]) -> list[str]:
    shares = [f"{of[which]:.2f}" for which in NAMES]
    return [*shares, f"{of['distance']:.1f}", f"{of['entropy']:.1f}"]
