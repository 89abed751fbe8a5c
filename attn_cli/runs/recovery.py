"""A run that was stopped, in whatever way: back to its newest whole checkpoint."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from attn_cli.errors import CheckpointError
from attn_cli.runs.checkpoint import Checkpoint, read_checkpoint
from attn_cli.runs.durable import UNFINISHED
from attn_cli.runs.folder import RunFolder, step_name, step_of
from attn_cli.runs.metrics import rewind_metrics


@dataclass(frozen=True)
class Recovered:
    """Where a run goes on.

    Attributes:
        checkpoint: The newest one that is whole; None where there is none, and the run
            begins anew.
        damaged: What is wrong with each newer one; these were set aside.
    """

    checkpoint: Checkpoint | None
    damaged: tuple[str, ...]


def newest_whole(run: RunFolder) -> Recovered:
    """The newest checkpoint of which every byte is as it was written; changes nothing.

    Raises:
        CheckpointError: There are checkpoints, and none of them is whole.
    """
    damaged: list[str] = []
    for folder in run.step_folders():
        try:
            checkpoint = read_checkpoint(folder)
            checkpoint.verify()
        except CheckpointError as error:
            damaged.append(error.message)
        else:
            return Recovered(checkpoint, tuple(damaged))
    if damaged:
        raise CheckpointError(
            f"no checkpoint of {run.path} is whole: {damaged[0]}",
            "train anew from its config.yaml: attn train --config FILE",
        )
    return Recovered(None, ())


def rewind(run: RunFolder, to: Checkpoint | None) -> None:
    """Takes a run's folder back to where it was when a checkpoint was saved.

    What was half written goes, newer checkpoints that are damaged are set aside, and
    the metrics and samples end where the checkpoint does.

    Args:
        run: Held by this process.
        to: The checkpoint; None for the beginning of the run.

    Raises:
        OSError: The folder cannot be written to.
    """
    for folder in (run.path, run.checkpoints):
        for leftover in folder.glob(f".*{UNFINISHED}"):
            _remove(leftover)
    state = None if to is None else to.state
    for folder in run.step_folders():
        if to is not None and folder.name == to.folder.name:
            break
        _set_aside(folder)
    rewind_metrics(run.metrics, state.last_line if state else None)
    _cut(run.samples, state.samples_bytes if state else 0)
    if to is None or state is None:
        return
    run.point("latest", to.folder)
    best = to.folder.with_name(step_name(state.best_step))
    if state.best_step and best.is_dir():
        run.point("best", best)
    else:
        (run.checkpoints / "best").unlink(missing_ok=True)


def set_aside_from(run: RunFolder, step: int) -> None:
    """Sets aside the checkpoints of a step and after it, whose weights turned out to be broken.

    Args:
        run: Held by this process.
        step: The first that is not to be gone on from.

    Raises:
        OSError: The folder cannot be written to.
    """
    sound = []
    for folder in run.step_folders():
        if step_of(folder) < step:
            sound.append(folder)
        else:
            _set_aside(folder)
    for which in ("latest", "best"):
        if (run.checkpoints / which).exists() and run.checkpoint(which) not in sound:
            (run.checkpoints / which).unlink()
    if sound:
        run.point("latest", sound[0])


def require_own(run: RunFolder) -> None:
    """Makes sure that what is written into a run stays there: a stranger's could lead elsewhere.

    Raises:
        CheckpointError: A part of the run lies outside its folder.
    """
    home = run.path.resolve()
    files = (run.checkpoints, run.config, run.metrics, run.samples, run.curves)
    logs = (run.csv, run.tensorboard, run.trackio, run.wandb)
    for path in (*files, *logs, *run.step_folders()):
        if not path.resolve().is_relative_to(home):
            raise CheckpointError(
                f"{path} is a link out of the run's folder",
                "put what it points to in its place, or train into a new folder",
            )


def _set_aside(folder: Path) -> None:
    """Keeps a damaged checkpoint under a name that no checkpoint has."""
    aside = folder.with_name(f"{folder.name}.damaged")
    number = 2
    while aside.exists():
        aside = folder.with_name(f"{folder.name}.damaged-{number}")
        number += 1
    folder.replace(aside)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _cut(path: Path, length: int) -> None:
    if path.exists() and path.stat().st_size > length:
        os.truncate(path, length)
