"""The evidence for a label in a terminal: a line a character."""

import math
from collections.abc import Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from attn_cli.inspection.label_evidence import LabelEvidence
from attn_cli.inspection.terminal.paragraph import Paragraph
from attn_cli.inspection.terminal.table import Table
from attn_cli.text.display import printable_symbol, quoted

LEGEND = (
    "adds: what a character's vector adds to the label's logit, above what it adds to the mean of "
    "all labels; with the bias of the head, the column sums to that logit. Every vector has seen "
    "the whole text, so a share is where evidence is read, not always where it is written. "
    "without: the label's probability when the character is left out, which makes another text. "
    "The weights of attention say where a head looks, and neither of the two."
)
_BEST = 3  # labels that are shown


def label_view(
    evidence: LabelEvidence, characters: Sequence[str], labels: Sequence[str]
) -> RenderableType:
    """The most probable labels, and what each character does for the first of them."""
    best = np.argsort(-evidence.probs, kind="stable")[:_BEST].tolist()
    listed = ", ".join(f"{labels[index]} {evidence.probs[index]:.1%}" for index in best)
    rows = [
        (printable_symbol(char), f"{share:+.2f}", _without(float(prob)))
        for char, share, prob in zip(
            characters, evidence.shares, evidence.probs_without, strict=True
        )
    ]
    rows.append(("bias", f"{evidence.bias:+.2f}", ""))
    return Group(
        Text(f"label: {listed}"),
        Text(f"what speaks for {quoted(labels[evidence.label])}:", style="bold"),
        Table(("char", "adds", "without"), rows, text_columns=1),
        Text(),
        Paragraph(LEGEND, style="dim"),
    )


def _without(prob: float) -> str:
    return "" if math.isnan(prob) else f"{prob:.1%}"
