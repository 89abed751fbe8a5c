"""Copies of a run whose state says what a test needs: the seeds of a group, the arms of a sweep."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from attn_cli.runs.checkpoint_metadata import with_checksum
from attn_cli.runs.run_folder import METADATA_FILE, RunFolder


def copy_run(run: RunFolder, to: Path, **state: Any) -> RunFolder:
    """A copy of a run in a folder; `state` replaces values of its checkpoints' state.json.

    A key of the configuration is given as `train__seed`, and its task as `config__task`.
    """
    shutil.copytree(run.path, to)
    copied = RunFolder(to)
    for folder in copied.step_folders():
        record = json.loads((folder / METADATA_FILE).read_text("utf-8"))
        for key, value in state.items():
            section, _, name = key.rpartition("__")
            config = record["config"]
            values = config if section == "config" else config[section] if section else record
            values[name] = value
        (folder / METADATA_FILE).write_text(with_checksum(record), "utf-8")
    return copied


def copy_group(run: RunFolder, to: Path, val_losses: dict[int, float], **state: Any) -> Path:
    """A group of copies of a run, with a validation loss for each seed."""
    for seed, loss in val_losses.items():
        best = {"best_val_loss": loss, "best_metric": loss, "train__seed": seed}
        copy_run(run, to / f"seed-{seed}", **(best | state))
    return to
