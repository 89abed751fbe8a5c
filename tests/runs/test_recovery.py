"""Quarantine of damaged checkpoints; test_resume.py resumes whole runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from attn_cli.errors import CheckpointError
from attn_cli.runs.recovery import (
    check_no_links_outside,
    latest_valid_checkpoint,
    quarantine_from,
    rewind,
)
from attn_cli.runs.run_folder import RunFolder


def names(run: RunFolder) -> list[str]:
    return sorted(path.name for path in run.checkpoints.iterdir() if path.name[0] != ".")


def empty_folders(tmp_path: Path, *steps: int) -> RunFolder:
    run = RunFolder(tmp_path)
    for step in steps:
        (run.checkpoints / f"step-{step:08d}").mkdir(parents=True)
    return run


def test_checkpoints_of_diverged_weights_are_quarantined(tmp_path: Path) -> None:
    run = empty_folders(tmp_path, 10, 20, 30)
    run.set_pointer("latest", run.checkpoints / "step-00000030")
    run.set_pointer("best", run.checkpoints / "step-00000010")
    quarantine_from(run, 20)
    damaged = ["step-00000020.damaged", "step-00000030.damaged"]
    assert names(run) == ["best", "latest", "step-00000010", *damaged]
    assert run.checkpoint("latest").name == "step-00000010"
    quarantine_from(run, 0)
    assert names(run) == ["step-00000010.damaged", *damaged], "no pointer names nothing"


def test_a_step_that_is_quarantined_twice_is_kept_twice(tmp_path: Path) -> None:
    for _ in range(3):
        run = empty_folders(tmp_path, 10)
        quarantine_from(run, 10)
    assert names(run) == [f"step-00000010.damaged{end}" for end in ("", "-2", "-3")]


def test_the_latest_valid_checkpoint_is_found_without_changing_anything(copied: RunFolder) -> None:
    newest, before, *_ = copied.step_folders()
    (newest / "optimizer.safetensors").unlink()
    there = names(copied)
    found = latest_valid_checkpoint(copied)
    assert found.checkpoint is not None
    assert found.checkpoint.folder == before
    assert len(found.damaged) == 1
    assert "optimizer.safetensors is missing" in found.damaged[0]
    assert names(copied) == there


def test_rewinding_before_the_first_evaluation_leaves_no_best(copied: RunFolder) -> None:
    checkpoint = latest_valid_checkpoint(copied).checkpoint
    assert checkpoint is not None
    metadata = checkpoint.metadata.model_copy(update={"best_step": 0})
    rewind(copied, replace(checkpoint, metadata=metadata))
    assert not (copied.checkpoints / "best").exists()
    assert copied.checkpoint("latest") == checkpoint.folder


def test_rewinding_cuts_the_samples(copied: RunFolder) -> None:
    copied.samples.write_bytes(b"before" + b"of a later evaluation")
    checkpoint = latest_valid_checkpoint(copied).checkpoint
    assert checkpoint is not None
    metadata = checkpoint.metadata.model_copy(update={"samples_bytes": 6})
    rewind(copied, replace(checkpoint, metadata=metadata))
    assert copied.samples.read_bytes() == b"before"


def test_rewinding_cuts_the_metrics(copied: RunFolder) -> None:
    before = copied.metrics.read_bytes()
    with copied.metrics.open("ab") as file:
        file.write(b'{"step": 250, "chars": 9, "seconds": 1.0, "learning_rate": 0.1}\n{"torn')
    rewind(copied, latest_valid_checkpoint(copied).checkpoint)
    assert copied.metrics.read_bytes() == before


def test_rewinding_makes_the_checkpoint_the_latest(copied: RunFolder) -> None:
    newest, before, *_ = copied.step_folders()
    (newest / "optimizer.safetensors").unlink()
    assert copied.checkpoint("latest") == newest
    rewind(copied, latest_valid_checkpoint(copied).checkpoint)
    assert copied.checkpoint("latest") == before


def test_rewinding_removes_a_link_and_not_what_it_leads_to(
    copied: RunFolder, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    try:
        (copied.path / ".text.txt.1.tmp").symlink_to(tmp_path / "mine")
    except OSError:
        pytest.skip("no links on this system")
    rewind(copied, latest_valid_checkpoint(copied).checkpoint)
    assert (tmp_path / "mine").is_dir()
    assert not [*copied.path.rglob("*.tmp")]


def test_rewinding_removes_temporary_files(copied: RunFolder) -> None:
    (copied.path / ".metrics.jsonl.1.tmp").touch()
    (copied.checkpoints / ".step-00000250.1.tmp").mkdir()
    rewind(copied, latest_valid_checkpoint(copied).checkpoint)
    assert not [*copied.path.rglob("*.tmp")]


@pytest.mark.parametrize("name", ["checkpoints", "config.yaml", "samples.txt", "tensorboard"])
def test_a_link_out_of_the_folder_is_refused(copied: RunFolder, tmp_path: Path, name: str) -> None:
    check_no_links_outside(copied)
    place = copied.path / name
    if place.exists():
        place.rename(tmp_path / "elsewhere")
    try:
        place.symlink_to(tmp_path / "elsewhere")
    except OSError:
        pytest.skip("this system lets no user make links")
    with pytest.raises(CheckpointError, match=f"{name}.* is a link out of the run's folder"):
        check_no_links_outside(copied)
