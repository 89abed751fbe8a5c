"""What `attn runs` knows of each run, group and sweep: a row of values by key."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attn_cli.errors import CheckpointError
from attn_cli.runs.run_folder import RunFolder
from attn_cli.runs.run_group import RunGroup, Sweep

if TYPE_CHECKING:
    from attn_cli.config.schema import Config

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
        values: What is known of it, by `MEASURED` and by the keys of a configuration.
        members: The rows of a group's runs, or of a sweep's arms.
        problem: Why nothing else is known; empty where all is well.
    """

    values: dict[str, Any]
    members: tuple[Row, ...] = ()
    problem: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether it is a run that has nothing left to do and was evaluated."""
        return bool(self.values.get("finished")) and self.values["val_loss"] is not None

    def record(self) -> dict[str, Any]:
        """The row as JSON, with its members."""
        record = {key: self.values[key] for key in MEASURED if key in self.values}
        if self.problem:
            record["problem"] = self.problem
        if self.members:
            record["runs"] = [each.record() for each in self.members]
        elif not self.problem:
            values = self.values.items()
            record["config"] = {k: v for k, v in values if k == "task" or k not in MEASURED}
        return record


def row_of(found: RunFolder | RunGroup | Sweep) -> Row:
    """The row of a run, of a group with its runs, or of a sweep with its arms."""
    if isinstance(found, RunFolder):
        return _run_row(found)
    of_sweep = isinstance(found, Sweep)
    members = tuple(map(row_of, found.arms if isinstance(found, Sweep) else found.runs))
    values = {"run": str(found.path), "kind": found.kind, "n": len(found.runs)}
    values |= _common(members) | (_best_arm(members) if of_sweep else _means(members))
    problem = "" if "task" in values else f"no run of {len(found.runs)} can be read"
    return Row(values, members, problem)


def _run_row(run: RunFolder) -> Row:
    from attn_cli.runs.checkpoint import read_current
    from attn_cli.runs.metrics import nats_to_bits

    values: dict[str, Any] = {"run": str(run.path), "kind": run.kind, "n": 1}
    if run.config.is_file():
        values["age_seconds"] = round(time.time() - run.config.stat().st_mtime)
    try:
        _, latest = read_current(lambda: (run, run.checkpoint("latest")), with_weights=False)
    except CheckpointError as error:
        return Row(values, problem=error.message.removeprefix(f"run {run.path} "))
    state, loss = latest.metadata, latest.metadata.best_val_loss
    return Row(
        values
        | {
            "task": latest.config.task,
            "data": state.data.name,
            "parameters": state.parameters,
            "steps": state.step,
            "chars": state.chars,
            "seconds": state.seconds,
            "finished": state.finished,
            "val_loss": loss,
            "bits_per_char": None if loss is None else nats_to_bits(loss),
            "settings": _settings(latest.config),
        }
        | latest.config.flat()
    )


def _settings(config: Config) -> dict[str, Any]:
    """What of a configuration differs from the defaults, but for the text's own name."""
    from attn_cli.config.diff import diff_configs
    from attn_cli.config.schema import Config

    return {change.key: change.old for change in diff_configs(config, Config())}


def _common(members: Sequence[Row]) -> dict[str, Any]:
    """The values of the members by key, `Several` where they differ; the age of the newest."""
    known = [each.values for each in members if not each.problem]
    values = {key: _shared([each[key] for each in known]) for key in (known[0] if known else {})}
    ages = [each.values["age_seconds"] for each in members if "age_seconds" in each.values]
    values |= {"age_seconds": min(ages, default=None), "finished": len(known) == len(members)}
    if known:
        settings, *others = (each["settings"] for each in known)
        values["finished"] &= all(each["finished"] for each in known)
        values["settings"] = {
            key: value
            for key, value in settings.items()
            if all(key in each and each[key] == value for each in others)
        }
    return {key: value for key, value in values.items() if key not in ("run", "kind", "n")}


def _shared(values: Sequence[Any]) -> Any:
    """The one value, or all different ones: numbers in their order, others as they come."""
    single = [
        each for value in values for each in (value if isinstance(value, Several) else [value])
    ]
    different = [value for i, value in enumerate(single) if value not in single[:i]]
    if all(isinstance(value, int | float) for value in different):
        different.sort()
    return different[0] if len(different) == 1 else Several(different)


def _means(runs: Sequence[Row]) -> dict[str, float | None]:
    """The means over finished runs, and the standard deviation of the validation loss."""
    finished = [run.values for run in runs if run.has_ended]
    means: dict[str, float | None] = {
        key: statistics.mean(each[key] for each in finished) if finished else None
        for key in _AVERAGED
    }
    losses = [each["val_loss"] for each in finished]
    return means | {"val_loss_sd": statistics.stdev(losses) if len(losses) > 1 else None}


def _best_arm(arms: Sequence[Row]) -> dict[str, Any]:
    """What was measured of the arm with the lowest mean, and its name."""
    measured = [arm.values for arm in arms if arm.values.get("val_loss") is not None]
    if not measured:
        return {"val_loss": None}
    best = min(measured, key=lambda values: values["val_loss"])
    name = Path(best["run"]).name
    return {key: best[key] for key in (*_AVERAGED, "val_loss_sd")} | {"best_arm": name}
