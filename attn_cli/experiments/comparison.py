"""Arms beside a reference: what the difference is, and whether it can be told from chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from attn_cli.config.schema import LOWER_IS_BETTER
from attn_cli.errors import InputError
from attn_cli.experiments.arms import Arm
from attn_cli.experiments.doubts import (
    check_evaluations,
    flags_of_arm,
    flags_of_machines,
    flags_of_shared_runs,
    flags_of_single_runs,
    on_same_machine,
)
from attn_cli.experiments.statistics import (
    ALPHA,
    Difference,
    holm,
    paired_difference,
    welch_difference,
)

TOLERANCE = 0.01  # by which an arm may be worse where none is given: a fraction of the reference


@dataclass(frozen=True)
class ArmDifference:
    """An arm beside the reference.

    Attributes:
        arm: The arm.
        reference: The reference.
        metric: What is compared: `loss`, or what decides on the best checkpoint of all runs.
        difference: The arm's values less those of the reference.
        p: The p-value; of more than two arms with Holm's correction.
        seeds: The seeds of the pairs; none without pairs.
        settings: The settings that differ: their keys, and both values.
    """

    arm: Arm
    reference: Arm
    metric: str
    difference: Difference
    p: float | None
    seeds: tuple[int, ...]
    settings: dict[str, tuple[Any, Any]]

    @property
    def is_certain(self) -> bool:
        """Whether so large a difference is seldom chance."""
        return self.p is not None and self.p < ALPHA

    @property
    def is_better(self) -> bool:
        """Whether what was measured of the arm is better, be it by chance."""
        return (self.difference.delta < 0) == (self.metric in LOWER_IS_BETTER)

    @property
    def n_better(self) -> int:
        """In how many pairs the arm is better."""
        difference, lower = self.difference, self.metric in LOWER_IS_BETTER
        return difference.lower if lower else difference.higher

    @property
    def worst(self) -> float | None:
        """By how much the arm may be worse, at most: the end of the interval on that side."""
        low, high = self.difference.low, self.difference.high
        if low is None or high is None:
            return None
        return high if self.metric in LOWER_IS_BETTER else -low


@dataclass(frozen=True)
class Comparison:
    """Arms beside a reference.

    Attributes:
        arms: At least one, as the user named them.
        reference: The one that the others are compared with.
        metric: What is compared.
        differences: Of all arms but the reference.
        flags: What a reader has to know before believing it.
        same_machine: Whether the times of the runs can be compared.
        unfinished: The names of arms that no run has finished of.
    """

    arms: tuple[Arm, ...]
    reference: Arm
    metric: str
    differences: tuple[ArmDifference, ...]
    flags: tuple[str, ...]
    same_machine: bool
    unfinished: tuple[str, ...] = ()


def compare_arms(arms: Sequence[Arm], reference: str | None = None) -> Comparison:
    """Arms beside a reference, with all that makes the comparison doubtful.

    Args:
        arms: At least one.
        reference: Its name; the first arm by default.

    Raises:
        InputError: No run has finished, there is no such arm, or the arms were measured on
            different texts.
    """
    flags = [f"left out: {each}" for arm in arms for each in arm.left_out]
    compared = [arm for arm in arms if arm.runs]
    if not compared:
        raise InputError("no run has finished yet", flags[0] if flags else None)
    named = _named(arms, reference)
    if not named.runs:
        raise InputError(
            f"no run of {named.name} has finished, which the others are compared with",
            "wait, or choose another with `reference`",
        )
    flags += check_evaluations([run for arm in compared for run in arm.runs])
    metric = _metric(compared)
    others = [arm for arm in compared if arm is not named]
    differences = [_difference(named, arm, metric) for arm in others]
    tested = [each for each in differences if each.p is not None]
    corrected = iter(holm([each.p for each in tested if each.p is not None]))
    differences = [
        each if each.p is None else replace(each, p=next(corrected)) for each in differences
    ]
    flags += [flag for arm in compared for flag in flags_of_arm(arm)]
    for doubts in (flags_of_single_runs, flags_of_shared_runs, flags_of_machines):
        flags += doubts(compared)
    return Comparison(
        tuple(compared),
        named,
        metric,
        tuple(differences),
        tuple(flags),
        on_same_machine(compared),
        tuple(arm.name for arm in arms if not arm.runs),
    )


def unmet(comparison: Comparison, better: bool, tolerance: float | None = None) -> str | None:
    """Why it is not shown that all arms are better than the reference, or not worse; None if it is.

    Not worse means: the whole interval is on the better side of a difference of `tolerance` (a
    test of non-inferiority), and not just that no difference was found.

    Args:
        comparison: Of at least two arms.
        better: Whether they have to be better.
        tolerance: By how much they may be worse; by default 1 % of the reference.
    """
    summary = comparison.reference.summary(comparison.metric)
    if summary is None or not comparison.differences:
        return "there is nothing to compare with"
    if comparison.unfinished:
        return f"no run of {comparison.unfinished[0]} has finished"
    if tolerance is None:
        tolerance = TOLERANCE * summary.mean
    for each in comparison.differences:
        pair = f"{each.arm.name} than {each.reference.name}"
        if each.worst is None:
            return f"not shown: {pair.replace(' than ', ' and ')} need at least two runs each"
        if better and not (each.is_certain and each.is_better):
            return f"not shown: better {pair} (p = {each.p:.2g})"
        if not better and each.worst >= tolerance:
            return f"not shown: less than {tolerance:.3g} worse {pair} (it may be {each.worst:.3g})"
    return None


def _named(arms: Sequence[Arm], name: str | None) -> Arm:
    if name is None:
        return arms[0]
    wanted = name.rstrip("/")
    for arm in arms:
        of_runs = (path for run in arm.runs for path in (run.run.path, run.run.path.parent))
        if wanted in (arm.name, *map(str, of_runs)):
            return arm
    raise InputError(f"there is no arm {name}", f"one of {', '.join(arm.name for arm in arms)}")


def _metric(arms: Sequence[Arm]) -> str:
    """What decides on the best checkpoint of all runs, if that was measured; else the loss."""
    runs = [run for arm in arms for run in arm.runs]
    chosen = {run.config.train.best_by for run in runs}
    metric = chosen.pop() if len(chosen) == 1 else "loss"
    return metric if all(run.value(metric) is not None for run in runs) else "loss"


def _difference(reference: Arm, arm: Arm, metric: str) -> ArmDifference:
    """The difference by pairs where most runs of both arms have the same seeds, else by Welch."""
    ours = dict(zip(arm.seeds, arm.values(metric), strict=True))
    theirs = dict(zip(reference.seeds, reference.values(metric), strict=True))
    common = tuple(seed for seed in ours if seed in theirs)
    unique = len(ours) == len(arm.runs) and len(theirs) == len(reference.runs)
    most = max(len(arm.runs), len(reference.runs))
    if unique and 2 * len(common) > most and (len(common) > 1 or most == 1):
        difference = paired_difference(
            [theirs[seed] for seed in common], [ours[seed] for seed in common]
        )
    else:
        common = ()
        difference = welch_difference(reference.values(metric), arm.values(metric))
    mine = arm.recipe
    settings = {
        key: (value, mine[key]) for key, value in reference.recipe.items() if value != mine[key]
    }
    return ArmDifference(arm, reference, metric, difference, difference.p, common, settings)
