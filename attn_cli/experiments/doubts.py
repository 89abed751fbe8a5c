"""What makes a comparison impossible or doubtful: other texts, single runs, other machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attn_cli.errors import InputError
from attn_cli.experiments.arms import Arm, recipe
from attn_cli.experiments.measurement import Measurement

# What decides on how many evaluations a run's best is chosen from.
_CHOICE_OF_BEST = ("train.eval_every", "train.patience")


def check_evaluations(runs: Sequence[Measurement]) -> Iterator[str]:
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
    for key in _CHOICE_OF_BEST:
        if len({str(run.config.flat()[key]) for run in runs}) > 1:
            yield f"{key} differs: the best of more evaluations is lower by itself"
    sizes = {run.config.model.block_size for run in runs}
    if first.config.data.records == "lines" and len(sizes) > 1:
        yield f"block_size differs: what is longer than {min(sizes)} is not measured in all runs"


def flags_of_arm(arm: Arm) -> Iterator[str]:
    """What makes the mean of an arm doubtful: equal seeds, several recipes."""
    twice = sorted({seed for seed in arm.seeds if arm.seeds.count(seed) > 1})
    if twice:
        yield f"{arm.name} has seed {twice[0]} more than once: such runs are hardly independent"
    first = arm.recipe
    for run in arm.runs[1:]:
        differing = [key for key, value in recipe(run.config).items() if value != first[key]]
        if differing:
            yield f"{arm.name} is not one recipe: its runs differ in {', '.join(differing)}"
            return


def flags_of_single_runs(arms: Sequence[Arm]) -> Iterator[str]:
    """Of arms without a spread."""
    if single := [arm.name for arm in arms if len(arm.runs) == 1]:
        names = " and ".join(single)
        yield f"one run of {names}: how much another seed would change it is not known"


def flags_of_shared_runs(arms: Sequence[Arm]) -> Iterator[str]:
    """Of arms that have a run in common."""
    paths = [run.run.path.resolve() for arm in arms for run in arm.runs]
    for arm in arms:
        if any(paths.count(run.run.path.resolve()) > 1 for run in arm.runs):
            yield f"{arm.name} shares a run with another arm: they are not independent"


def _machine(run: Measurement) -> str | None:
    """What decides how long a run takes, in words; None where the run does not say."""
    if run.machine is None:
        return None
    return f"{run.machine}, torch {run.state.versions.get('torch')}"


def on_same_machine(arms: Sequence[Arm]) -> bool:
    """Whether the times of all runs can be compared."""
    machines = {_machine(run) for arm in arms for run in arm.runs}
    return len(machines) == 1 and None not in machines


def flags_of_machines(arms: Sequence[Arm]) -> Iterator[str]:
    """Of runs on different machines; where these decide on the loss, too, it says so."""
    if on_same_machine(arms):
        return
    listed: dict[str, list[str]] = {}
    for arm in arms:
        for name in {_machine(run) or "unknown" for run in arm.runs}:
            listed.setdefault(name, []).append(arm.name)
    where = "; ".join(f"{', '.join(names)}: {machine}" for machine, names in listed.items())
    yield f"* times cannot be compared, the machines differ or are unknown ({where})"
    if any(run.config.train.minutes is not None for arm in arms for run in arm.runs):
        yield "the runs had a budget of minutes: what they learned in it depends on the machine"
