"""Recovery of a run that stopped, however it stopped: back to its latest valid checkpoint."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from attn_cli.errors import CheckpointError
from attn_cli.runs.atomic_files import TMP_SUFFIX
from attn_cli.runs.checkpoint import Checkpoint, read_checkpoint
from attn_cli.runs.metrics import rewind_metrics
from attn_cli.runs.run_folder import RunFolder, step_name, step_of


@dataclass(frozen=True)
class RecoveryResult:
    """Where a run resumes."""

    checkpoint: Checkpoint | None  # the latest valid checkpoint; None where the run has to restart
    damaged: tuple[str, ...]  # what is wrong with each newer checkpoint


def latest_valid_checkpoint(run: RunFolder) -> RecoveryResult:
    """The latest checkpoint whose checksums are right; changes nothing.

    Raises:
        CheckpointError: There are checkpoints, but none is valid.
    """
    damaged: list[str] = []
    for folder in run.step_folders():
        try:
            checkpoint = read_checkpoint(folder)
            checkpoint.verify()
        except CheckpointError as error:
            damaged.append(error.message)
        else:
            return RecoveryResult(checkpoint, tuple(damaged))
    if damaged:
        raise CheckpointError(
            f"no checkpoint of {run.path} is valid: {damaged[0]}",
            "train again from its config.yaml: attn train --config FILE",
        )
    return RecoveryResult(None, ())


def rewind(run: RunFolder, to: Checkpoint | None) -> None:
    """Restores a run's folder to its state when a checkpoint was saved.

    Temporary files are removed, newer checkpoints are quarantined, and the metrics and
    samples end where the checkpoint does.

    Args:
        run: The run, locked by this process.
        to: The checkpoint; None for the beginning of the run.

    Raises:
        OSError: The folder cannot be written to.
    """
    for folder in (run.path, run.checkpoints):
        for leftover in folder.glob(f".*{TMP_SUFFIX}"):
            _remove(leftover)
    metadata = None if to is None else to.metadata
    for folder in run.step_folders():
        if to is not None and folder.name == to.folder.name:
            break
        _quarantine(folder)
    rewind_metrics(run.metrics, metadata.last_record if metadata else None)
    _truncate(run.samples, metadata.samples_bytes if metadata else 0)
    if to is None or metadata is None:
        return
    run.set_pointer("latest", to.folder)
    best = to.folder.with_name(step_name(metadata.best_step))
    if metadata.best_step and best.is_dir():
        run.set_pointer("best", best)
    else:
        (run.checkpoints / "best").unlink(missing_ok=True)


def quarantine_from(run: RunFolder, step: int) -> None:
    """Quarantines the checkpoints from a step on, because training diverged there.

    Args:
        run: The run, locked by this process.
        step: The first step whose checkpoint must not be resumed from.

    Raises:
        OSError: The folder cannot be written to.
    """
    valid = []
    for folder in run.step_folders():
        if step_of(folder) < step:
            valid.append(folder)
        else:
            _quarantine(folder)
    for which in ("latest", "best"):
        if run.pointed(which) not in (None, *valid):
            (run.checkpoints / which).unlink()
    if valid:
        run.set_pointer("latest", valid[0])


def check_no_links_outside(run: RunFolder) -> None:
    """Refuses a run in which a file is a symbolic link out of its folder.

    Raises:
        CheckpointError: There is one; what is written there would land elsewhere.
    """
    home = run.path.resolve()
    files = (run.checkpoints, run.config, run.metrics, run.samples, run.loss_plot)
    logs = (run.csv, run.tensorboard, run.trackio, run.wandb)
    for path in (*files, *logs, *run.step_folders()):
        if not path.resolve().is_relative_to(home):
            raise CheckpointError(
                f"{path} is a link out of the run's folder",
                "replace it by what it points to, or train into a new folder",
            )


def _quarantine(folder: Path) -> None:
    """Renames a damaged checkpoint to a name that no checkpoint has."""
    target = folder.with_name(f"{folder.name}.damaged")
    number = 2
    while target.exists():
        target = folder.with_name(f"{folder.name}.damaged-{number}")
        number += 1
    folder.replace(target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _truncate(path: Path, length: int) -> None:
    if path.exists() and path.stat().st_size > length:
        os.truncate(path, length)
