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
    has_ngrams = evidence.ngram_shares is not None
    headings = ("char", "encoder", *(("n-grams",) if has_ngrams else ()), "without")
    return Group(
        Text(f"label: {listed}"),
        Text(f"what speaks for {quoted(labels[evidence.label])}:", style="bold"),
        Table(headings, list(_rows(evidence, characters)), text_columns=1),
        Text(),
        Paragraph(LEGEND.format(ngrams=NGRAMS if has_ngrams else ""), style="dim"),
    )


def _rows(evidence: LabelEvidence, characters: Sequence[str]) -> Iterator[tuple[str, ...]]:
    of_ngrams: list[str] = []
    if evidence.ngram_shares is not None:
        of_ngrams = [f"{share:+.2f}" for share in evidence.ngram_shares]
    for t, char in enumerate(characters):
        prob = float(evidence.probs_without[t])
        without = "" if math.isnan(prob) else f"{prob:.1%}"
        share = f"{evidence.shares[t]:+.2f}"
        yield (printable_symbol(char), share, *of_ngrams[t : t + 1], without)
    if of_ngrams:
        yield "end", "", of_ngrams[-1], ""
    yield "bias", f"{evidence.bias:+.2f}", *[""] * bool(of_ngrams), ""
