"""The table of `attn inspect-heads` for a terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from attn_cli.inspection.ablation import AblationEffect
from attn_cli.inspection.heads import NAMES, HeadScores, MeasuredHead
from attn_cli.inspection.terminal.paragraph import Paragraph
from attn_cli.inspection.terminal.table import Table

SHORT = {"previous": "prev.", "induction": "induct.", "word_start": "word"}
NONE = "–"  # where the text has nothing to measure


def heads_view(heads: Sequence[MeasuredHead], baseline: HeadScores, unit: str) -> RenderableType:
    """One line a head, and one for uniform attention."""
    shares = [SHORT.get(pattern, pattern) for pattern in NAMES]
    rows = [
        (f"{head.layer}.{head.head}", head.name, _increase(head.effect), *_scores(head.scores))
        for head in heads
    ]
    table = Table(
        ("head", "attends to", "loss increase", *shares, "distance", "bits"),
        [*rows, ("uniform", "", "", *_scores(baseline))],
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


def _increase(effect: AblationEffect) -> str:
    error = effect.standard_error
    return f"{effect.loss_increase:.4f}" + ("" if error is None else f" ± {error:.4f}")


def _scores(scores: HeadScores) -> list[str]:
    digits = {**dict.fromkeys(NAMES, 2), "distance": 1, "entropy": 1}
    values = {name: getattr(scores, name) for name in digits}
    return [
        NONE if value is None else f"{value:.{digits[name]}f}" for name, value in values.items()
    ]
