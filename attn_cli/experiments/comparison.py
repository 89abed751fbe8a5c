"""Arms beside a reference: what the difference is, and whether it can be told from chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from attn_cli.config.schema import LOWER_IS_BETTER
from attn_cli.errors import InputError
from attn_cli.experiments.arms import Arm, recipe
from attn_cli.experiments.measurement import Measurement
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
    """

    arms: tuple[Arm, ...]
    reference: Arm
    metric: str
    differences: tuple[ArmDifference, ...]
    flags: tuple[str, ...]
    same_machine: bool


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
    named = _named(compared, reference)
    flags += _check_evaluations([run for arm in compared for run in arm.runs])
    metric = _metric(compared)
    others = [arm for arm in compared if arm is not named]
    differences = [_difference(named, arm, metric) for arm in others]
    tested = [each for each in differences if each.p is not None]
    corrected = iter(holm([each.p for each in tested if each.p is not None]))
    differences = [
        each if each.p is None else replace(each, p=next(corrected)) for each in differences
    ]
    flags += [flag for arm in compared for flag in _arm_flags(arm)]
    machines = {_machine(run) for arm in compared for run in arm.runs}
    same_machine = len(machines) == 1 and None not in machines
    flags += _machine_flags(compared, same_machine)
    return Comparison(
        tuple(compared), named, metric, tuple(differences), tuple(flags), same_machine
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
        if wanted in (arm.name, *(str(run.run.path) for run in arm.runs)):
            return arm
        if arm.runs and wanted == str(arm.runs[0].run.path.parent):
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


def _check_evaluations(runs: Sequence[Measurement]) -> Iterator[str]:
    """Makes sure that all losses are of the same text; a flag where only what was learned differs.

    Raises:
        InputError: They are not; it names what differs, and in which runs.
    """
    first = runs[0]
    apart: dict[str, tuple[Measurement, str, str]] = {}
    for run in runs[1:]:
        for what, value in run.evaluated_on.items():
            if value != first.evaluated_on[what]:
                apart.setdefault(what, (run, first.evaluated_on[what], value))
    same_text = first.state.data.validation is not None and "validation split" not in apart
    if same_text and "training text" in apart:
        run, before, after = apart.pop("training text")
        yield f"another training text: {before} in {first.run.path}, {after} in {run.run.path}"
    if apart:
        listed = "; ".join(
            f"another {what}: {before} in {first.run.path}, {after} in {run.run.path}"
            for what, (run, before, after) in apart.items()
        )
        raise InputError(
            f"the runs cannot be compared: {listed}",
            "train both on one text with one split: --set data.validation=FILE names a text "
            "to measure all on",
        )
    sizes = {run.config.model.block_size for run in runs}
    if first.config.data.records == "lines" and len(sizes) > 1:
        yield f"block_size differs: what is longer than {min(sizes)} is not measured in all runs"


def _arm_flags(arm: Arm) -> Iterator[str]:
    if len(arm.runs) == 1:
        yield f"{arm.name} is one run: how much another seed would change it is not known"
    twice = sorted({seed for seed in arm.seeds if arm.seeds.count(seed) > 1})
    if twice:
        yield f"{arm.name} has seed {twice[0]} more than once: such runs are hardly independent"
    first = arm.recipe
    for run in arm.runs[1:]:
        differing = [key for key, value in recipe(run.config).items() if value != first[key]]
        if differing:
            yield f"{arm.name} is not one recipe: its runs differ in {', '.join(differing)}"
            return


def _machine(run: Measurement) -> str | None:
    """What decides how long a run takes, in words; None where the run does not say."""
    if run.machine is None:
        return None
    return f"{run.machine}, torch {run.state.versions.get('torch')}"


def _machine_flags(arms: Sequence[Arm], same_machine: bool) -> Iterator[str]:
    """Of runs on different machines; where these decide on the loss, too, it says so."""
    if same_machine:
        return
    listed: dict[str, list[str]] = {}
    for arm in arms:
        for name in {_machine(run) or "unknown" for run in arm.runs}:
            listed.setdefault(name, []).append(arm.name)
    where = "; ".join(f"{', '.join(names)}: {machine}" for machine, names in listed.items())
    yield f"* times cannot be compared, the machines differ or are unknown ({where})"
    if any(run.config.train.minutes is not None for arm in arms for run in arm.runs):
        yield "the runs had a budget of minutes: what they learned in it depends on the machine"
