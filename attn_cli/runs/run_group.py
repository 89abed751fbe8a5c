"""Runs that belong together: a group is one configuration with several seeds, a sweep has groups.

runs/NAME/seed-1337/        a group: a run for each seed
runs/NAME/ARM/seed-1337/    a sweep: a group for each arm, that is for each choice of settings
runs/NAME/experiment.json   how attn made it; a folder without it is a group or a sweep as well
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from attn_cli.errors import CheckpointError
from attn_cli.runs.run_folder import RunFolder, is_run
from attn_cli.text.display import counted

if TYPE_CHECKING:
    from attn_cli.runs.checkpoint_metadata import CheckpointMetadata

EXPERIMENT_FILE = "experiment.json"
_SEED_FOLDER = re.compile(r"seed-[0-9]{1,20}")


@dataclass(frozen=True)
class RunGroup:
    """Runs of one configuration with several seeds."""

    path: Path
    kind: ClassVar = "group"

    @property
    def runs(self) -> list[RunFolder]:
        """Its runs, by the number of their seed."""
        found = [path for path in self.path.glob("seed-*") if _SEED_FOLDER.fullmatch(path.name)]
        found.sort(key=lambda path: int(path.name.removeprefix("seed-")))
        return [RunFolder(path) for path in found if is_run(path)]


@dataclass(frozen=True)
class Sweep:
    """Groups with different settings, side by side: the arms."""

    path: Path
    kind: ClassVar = "sweep"

    @property
    def arms(self) -> list[RunGroup]:
        """Its groups, by name."""
        return [RunGroup(path) for path in sorted(self.path.glob("*")) if is_group(path)]

    @property
    def runs(self) -> list[RunFolder]:
        """The runs of all arms."""
        return [run for arm in self.arms for run in arm.runs]


def is_group(path: Path) -> bool:
    """Whether a folder has runs of several seeds in it, and is no run itself."""
    return path.is_dir() and not is_run(path) and bool(RunGroup(path).runs)


def group_in(path: Path) -> RunGroup | Sweep | None:
    """The group or sweep that a folder is; None for any other."""
    if is_group(path):
        return RunGroup(path)
    if not path.is_dir() or is_run(path):
        return None
    return Sweep(path) if any(map(is_group, path.glob("*"))) else None


def best_run(group: RunGroup | Sweep) -> tuple[RunFolder, str]:
    """The run with the best model, and a line for the user on what makes it the best.

    That is the lowest validation loss, or what `train.best_by` names where all runs have the
    same. A run that has not finished counts only where none has.

    Raises:
        CheckpointError: No run has a checkpoint that can be read.
    """
    runs = group.runs
    states, damaged = _read_states(runs)
    if not states:
        raise CheckpointError(
            f"{group.kind} {group.path}: "
            + (damaged[0] if damaged else f"no checkpoint in {counted(len(runs), 'run')} yet"),
            "train it for longer, or name another run with `run`",
        )
    finished = [(run, state) for run, state in states if state.finished]
    names = {state.config.train.best_by for _, state in states}
    by = names.pop() if len(names) == 1 else "loss"
    run, state = min(
        finished or states, key=lambda each: (_score(each[1], by)[0], each[1].best_val_loss)
    )
    unfinished = len(runs) - len(finished) - len(damaged)
    others = [f"{unfinished} unfinished"] * bool(unfinished and finished)
    others += ["none has finished"] * (not finished) + [f"{len(damaged)} damaged"] * bool(damaged)
    note = f"{group.path} is {run.path}: the {_score(state, by)[1]} of {counted(len(runs), 'run')}"
    return run, note + (f" ({', '.join(others)})" if others else "")


def _read_states(
    runs: Sequence[RunFolder],
) -> tuple[list[tuple[RunFolder, "CheckpointMetadata"]], list[str]]:
    """The latest state of each run that has a checkpoint; what is wrong with those damaged."""
    from attn_cli.runs.checkpoint import read_current

    states, damaged = [], []
    for run in runs:
        if not run.step_folders():
            continue
        try:
            _, latest = read_current(lambda: (run, run.checkpoint("latest")), with_weights=False)  # noqa: B023
        except CheckpointError as error:
            damaged.append(error.message)
        else:
            states.append((run, latest.metadata))
    return states, damaged


def _score(state: "CheckpointMetadata", by: str) -> tuple[float, str]:
    """A number that is lowest for the best run, and in words what it is the best by."""
    from attn_cli.config.schema import LOWER_IS_BETTER

    if state.best_val_loss is None or state.best_metric is None:
        return math.inf, "first, before any evaluation,"
    if by in ("loss", "last"):  # the last evaluation of each run: compared by their losses
        return state.best_val_loss, f"lowest validation loss, {state.best_val_loss:.4f},"
    what = f"{by.replace('_', ' ')}, {state.best_metric:.4f},"
    if by in LOWER_IS_BETTER:
        return state.best_metric, f"lowest {what}"
    return -state.best_metric, f"highest {what}"
