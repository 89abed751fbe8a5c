"""The evidence for a label in a terminal: a line a character."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from attn_cli.inspection.label_evidence import LabelEvidence
from attn_cli.inspection.terminal.paragraph import Paragraph
from attn_cli.inspection.terminal.table import Table
from attn_cli.text.display import printable_symbol, quoted

LEGEND = (
    "encoder: what a character's vector adds to the label's logit, above what it adds to the mean "
    "of all labels. Every vector has seen the whole text, so a share is where evidence is read, "
    "not always where it is written. {ngrams}All of it sums to that logit. without: the label's "
    "probability when the character is left out, which makes another text. The weights of "
    "attention say where a head looks, and neither of the two."
)
NGRAMS = "n-grams: what the n-grams that end there add likewise. "
_BEST = 3  # labels that are shown


def label_view(
    evidence: LabelEvidence, characters: Sequence[str], labels: Sequence[str]
) -> RenderableType:
    """The most probable labels, and what each character does for the first of them."""
    best = np.argsort(-evidence.probs, kind="stable")[:_BEST].tolist()
    listed = ", ".join(f"{labels[index]} {evidence.probs[index]:.1%}" for index in best)
    headings, ngrams = ("char", "encoder", "n-grams", "without"), NGRAMS
    rows = list(_rows(evidence, characters))
    if evidence.ngram_shares is None:
        headings, ngrams = ("char", "encoder", "without"), ""
        rows = [(char, adds, without) for char, adds, _, without in rows]
    return Group(
        Text(f"label: {listed}"),
        Text(f"what speaks for {quoted(labels[evidence.label])}:", style="bold"),
        Table(headings, rows, text_columns=1),
        Text(),
        Paragraph(LEGEND.format(ngrams=ngrams), style="dim"),
    )


def _rows(
    evidence: LabelEvidence, characters: Sequence[str]
) -> Iterator[tuple[str, str, str, str]]:
    of_ngrams = evidence.ngram_shares
    for t, char in enumerate(characters):
        prob = float(evidence.probs_without[t])
        yield (
            printable_symbol(char),
            f"{evidence.shares[t]:+.2f}",
            "" if of_ngrams is None else f"{of_ngrams[t]:+.2f}",
            "" if math.isnan(prob) else f"{prob:.1%}",
        )
    if of_ngrams is not None:
        yield "end", "", f"{of_ngrams[-1]:+.2f}", ""
    yield "bias", f"{evidence.bias:+.2f}", "", ""
