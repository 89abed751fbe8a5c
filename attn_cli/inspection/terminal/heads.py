"""The table of `attn inspect-heads` for a terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from attn_cli.inspection.ablation import AblationEffect
from attn_cli.inspection.heads import (
    ONE_SIDE,
    STEADY,
    UNIFORM_ENTROPY,
    HeadScores,
    MeasuredHead,
)
from attn_cli.inspection.terminal.paragraph import Paragraph
from attn_cli.inspection.terminal.table import Table

# Headings that are shorter than the name of the share.
SHORT = {
    "previous": "prev.",
    "induction": "induct.",
    "word_start": "←word",
    "word_end": "word→",
    "same_before": "←same",
    "same_after": "same→",
    "position": "same pos.",
    "mirrored": "mirr.",
}
NONE = "–"  # where the text has nothing to measure
# What each share is on, for the legend; {} is the unit.
MEANINGS = {
    "previous": "the previous {}",
    "next": "the next",
    "after": "all that come after",
    "itself": "itself",
    "first": "the first of the window",
    "hidden": "hidden {}s",
    "same": "the last same {}",
    "same_before": "the nearest same {} before",
    "same_after": "and after",
    "induction": "what followed that one (induction)",
    "word_start": "the first letter of the word",
    "word_end": "its last letter",
}
CROSS_MEANINGS = {
    "written": "all {}s of the source that are the one written",
    "position": "the {} at the same position",
    "next": "the next",
    "previous": "the previous",
    "mirrored": "the one as far from the end",
    "first": "the first",
    "last": "the last",
    "end": "the newline at the end",
}


def heads_view(heads: Sequence[MeasuredHead], baseline: HeadScores, unit: str) -> RenderableType:
    """One line a head, and one for uniform attention; the names of heads where one has a name."""
    named = any(head.name for head in heads)
    rows = [
        (
            f"{head.layer}.{head.head}",
            *([head.name] if named else []),
            _increase(head.effect),
            *_scores(head.scores),
        )
        for head in heads
    ]
    names = ["attends to"] if named else []
    shares = [SHORT.get(which, which) for which in baseline.shares]
    table = Table(
        ("head", *names, "loss increase", *shares, *_measures(baseline), "bits"),
        [*rows, ("uniform", *([""] if named else []), "", *_scores(baseline))],
        text_columns=2 if named else 1,
    )
    legend = Paragraph(_legend(baseline, unit, named=named), style="dim")
    return Group(Paragraph(_most_relied_on(heads, unit)), table, Text(), legend)


def _legend(baseline: HeadScores, unit: str, *, named: bool) -> str:
    """What the columns mean, and when a head has a name."""
    is_cross = baseline.is_cross
    of = CROSS_MEANINGS if is_cross else MEANINGS
    meanings = ", ".join(of[which].format(unit) for which in baseline.shares)
    sides = f", or after the side that has {ONE_SIDE:.0%}" if "after" in baseline.shares else ""
    moving = f", and one that moves has a direction of {STEADY:g} or more, either way"
    direction = (
        "direction: 1 where the place it looks at moves forward with the target, -1 backward"
    )
    distance = f"distance: {unit}s between query and key"
    naming = (
        f"{'A' if named else 'No head has a name here: a'} head is named after a share of a third "
        f"or more that is twice that of uniform attention{sides}; uniform has at least "
        f"{UNIFORM_ENTROPY:.0%} of its entropy{moving if is_cross else ''}."
    )
    return (
        f"loss increase: nats per {unit} without the head, ± its standard error. Shares of its "
        f"attention: on {meanings}. {naming} {direction if is_cross else distance}; "
        "bits: entropy of the weights."
    )


def _most_relied_on(heads: Sequence[MeasuredHead], unit: str) -> str:
    """Which head to look at first."""
    most = max(heads, key=lambda head: head.effect.loss_increase)
    if most.effect.loss_increase <= 0:
        return "No head is relied on: without any of them the loss is no higher."
    name = f", {most.name}" if most.name else ""
    return (
        f"Most relied on: head {most.layer}.{most.head}{name}. Without it the loss increases by "
        f"{most.effect.loss_increase:.4f} nats per {unit}."
    )


def _increase(effect: AblationEffect) -> str:
    error = effect.standard_error
    return f"{effect.loss_increase:.4f}" + ("" if error is None else f" ± {error:.4f}")


def _measures(scores: HeadScores) -> dict[str, tuple[float | None, int]]:
    """What is measured besides shares and bits, with its decimals."""
    if scores.is_cross:
        return {"direction": (scores.direction, 2)}
    return {"distance": (scores.distance, 1)}


def _scores(scores: HeadScores) -> list[str]:
    shares = ((share, 2) for share in scores.shares.values())
    values = (*shares, *_measures(scores).values(), (scores.entropy, 1))
    return [NONE if value is None else f"{value:.{digits}f}" for value, digits in values]
