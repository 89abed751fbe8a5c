"""The arms of a sweep, the best first, and which of them are to be run again."""

from __future__ import annotations

from collections.abc import Sequence

from attn_cli.config.schema import LOWER_IS_BETTER
from attn_cli.experiments.arms import Arm
from attn_cli.experiments.comparison import Comparison, compare_arms
from attn_cli.experiments.comparison_text import signed, table


def rank(arms: Sequence[Arm]) -> Comparison:
    """All arms beside the one with the best mean; those come last of which runs are missing.

    Raises:
        InputError: No run has finished, or the arms were measured on different texts.
    """
    metric = compare_arms(arms).metric
    sign = 1 if metric in LOWER_IS_BETTER else -1
    most = max(len(arm.runs) for arm in arms)

    def place(arm: Arm) -> tuple[bool, float]:
        summary = arm.summary(metric)
        return len(arm.runs) < most, sign * summary.mean if summary else 0.0

    return compare_arms(sorted((arm for arm in arms if arm.runs), key=place))


def board(ranked: Comparison) -> tuple[list[str], list[list[str]]]:
    """The headings and a row of cells for each arm: the comparison's, and the difference."""
    headings, rows = table(ranked)
    differences = {each.arm.name: each.difference for each in ranked.differences}
    for row in rows:
        difference = differences.get(row[0])
        row.append("" if difference is None else signed(difference.delta))
        if difference is None or difference.low is None or difference.high is None:
            row.append("")
        else:
            row.append(f"[{signed(difference.low)}, {signed(difference.high)}]")
    return [*headings, "Δ to the best", "95 % CI of Δ"], rows


def finalists(ranked: Comparison, first: str) -> list[str]:
    """The names of the reference and of the best arm, which are to be run on fresh seeds.

    The reference is the first arm of the sweep; the second best where the first is the best.
    None where there is a single arm, or the others miss runs.
    """
    most = len(ranked.arms[0].runs)
    best, *others = [arm.name for arm in ranked.arms if len(arm.runs) == most]
    if not others:
        return []
    return [first if first in others else others[0], best]
