"""What `attn runs` knows of each run, group and sweep: a row of values by key."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attn_cli.config.diff import diff_configs
from attn_cli.config.schema import Config
from attn_cli.errors import CheckpointError
from attn_cli.experiments.measurement import read_measurement
from attn_cli.runs.run_folder import RunFolder
from attn_cli.runs.run_group import RunGroup, Sweep

# Measured of each run, and averaged over the finished runs of a group.
_AVERAGED = ("val_loss", "bits_per_char", "seconds")
# What a row has beside the keys of a configuration.
MEASURED = (
    "run", "kind", "n", "task", "data", "parameters", "steps", "chars", "seconds", "finished",
    "val_loss", "val_loss_sd", "bits_per_char", "best_arm", "age_seconds", "settings",
)  # fmt: skip


class Several(tuple[Any, ...]):
    """The values of a key that is not the same in all runs of a group."""


@dataclass(frozen=True)
class Row:
    """A run, a group or a sweep.

    Attributes:
        measured: What is known of it, by `MEASURED`.
        config: The values of its configuration, by their dotted keys.
        members: The rows of a group's runs, or of a sweep's arms.
        problem: Why nothing else is known; empty where all is well.
    """

    measured: Mapping[str, Any]
    config: Mapping[str, Any] = field(default_factory=dict)
    members: tuple[Row, ...] = ()
    problem: str = ""

    def get(self, key: str) -> Any:
        """The value of a key; None where there is none."""
        return self.measured.get(key, self.config.get(key))

    @property
    def has_ended(self) -> bool:
        """Whether it is a run that has nothing left to do and was evaluated."""
        return bool(self.get("finished")) and self.get("val_loss") is not None

    def record(self) -> dict[str, Any]:
        """The row as JSON, with its members."""
        record = {key: self.measured[key] for key in MEASURED if key in self.measured}
        if self.problem:
            record["problem"] = self.problem
        if self.members:
            record["runs"] = [each.record() for each in self.members]
        elif not self.problem:
            record["config"] = dict(self.config)
        return record


def row_of(found: RunFolder | RunGroup | Sweep) -> Row:
    """The row of a run, of a group with its runs, or of a sweep with its arms."""
    if isinstance(found, RunFolder):
        return _run_row(found)
    is_sweep = isinstance(found, Sweep)
    members = tuple(map(row_of, found.arms if isinstance(found, Sweep) else found.runs))
    ages = [age for each in members if (age := each.get("age_seconds")) is not None]
    about = {
        "run": str(found.path),
        "kind": found.kind,
        "n": len(found.runs),
        "age_seconds": min(ages, default=None),  # of its newest run
        "finished": all(each.get("finished") for each in members),
    }
    known = [each for each in members if not each.problem]
    if not known:
        return Row(about, {}, members, f"no run of {about['n']} can be read")
    about = _shared([each.measured for each in known]) | about
    about["settings"] = _common([each.measured["settings"] for each in known])
    about |= _best_arm(known) if is_sweep else _means(known)
    return Row(about, _shared([each.config for each in known]), members)


def _run_row(run: RunFolder) -> Row:
    about: dict[str, Any] = {"run": str(run.path), "kind": run.kind, "n": 1}
    if run.config.is_file():
        about["age_seconds"] = round(time.time() - run.config.stat().st_mtime)
    try:
        measured = read_measurement(run)
    except CheckpointError as error:
        return Row(about, problem=error.message.removeprefix(f"run {run.path} "))
    keys = ("task", "parameters", "steps", "chars", "seconds", "val_loss", "bits_per_char")
    about |= {key: getattr(measured, key) for key in keys}
    about |= {"data": measured.state.data.name, "finished": measured.state.finished}
    # What attn chose where the default is "auto", and the name of a text, are no settings.
    changes = diff_configs(measured.config, Config())
    about["settings"] = {change.key: change.old for change in changes}
    return Row(about, measured.config.flat())


def _shared(members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The values of the members by key, `Several` where they differ."""
    return {key: _one_or_several([each[key] for each in members]) for key in members[0]}


def _one_or_several(values: Sequence[Any]) -> Any:
    """The one value, or all different ones: numbers in their order, others as they come."""
    different: list[Any] = []
    for value in values:
        for each in value if isinstance(value, Several) else (value,):
            if each not in different:
                different.append(each)
    if all(isinstance(value, int | float) for value in different):
        different.sort()
    return different[0] if len(different) == 1 else Several(different)


def _common(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The settings that all have, with the same values."""
    first, *others = settings
    return {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in others)
    }


def _means(runs: Sequence[Row]) -> dict[str, float | None]:
    """The means over finished runs, and the standard deviation of the validation loss."""
    finished = [run for run in runs if run.has_ended]
    values = {key: [run.get(key) for run in finished] for key in _AVERAGED}
    measured = {key: of for key, of in values.items() if of and None not in of}
    means = {key: statistics.mean(measured[key]) if key in measured else None for key in _AVERAGED}
    losses = values["val_loss"]
    # By the standard library: the statistics of `attn compare` take a while to import.
    return means | {"val_loss_sd": statistics.stdev(losses) if len(losses) > 1 else None}


def _best_arm(arms: Sequence[Row]) -> dict[str, Any]:
    """What was measured of the arm with the lowest mean, and its name."""
    averages = (*_AVERAGED, "val_loss_sd")
    measured = [arm.measured for arm in arms if arm.get("val_loss") is not None]
    if not measured:
        return dict.fromkeys(averages)
    best = min(measured, key=lambda values: values["val_loss"])
    return {key: best[key] for key in averages} | {"best_arm": Path(best["run"]).name}
