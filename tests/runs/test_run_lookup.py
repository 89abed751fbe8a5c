"""Runs are found by folder, by name or by age, and new ones overwrite nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from attn_cli.errors import CheckpointError, InputError
from attn_cli.runs.run_folder import RunFolder
from attn_cli.runs.run_lookup import create_run, find_run, list_runs


def test_the_newest_run_with_a_checkpoint_is_found(
    copied: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTN_RUNS", str(tmp_path / "runs"))
    just_begun = create_run(None, "new")
    just_begun.config.write_text("")
    just_begun.checkpoints.mkdir()
    assert [run.path.name for run in list_runs()][1] == "copy"
    assert find_run(None) == copied
    assert find_run(Path("copy")) == copied
    assert find_run(copied.path) == copied


def test_no_run_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTN_RUNS", str(tmp_path / "none"))
    with pytest.raises(CheckpointError, match="no run") as caught:
        find_run(None)
    assert caught.value.hint == "make one with: attn train"
    with pytest.raises(CheckpointError, match="no run mine"):
        find_run(Path("mine"))
    (tmp_path / "other").mkdir()
    with pytest.raises(CheckpointError, match="is not a run"):
        find_run(tmp_path / "other")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        create_run(tmp_path / "full", "x")
    with pytest.raises(InputError, match="not a folder"):
        create_run(tmp_path / "full" / "thesis.txt", "x")
    (tmp_path / "empty").mkdir()
    assert create_run(tmp_path / "empty", "x").path == tmp_path / "empty"
    assert create_run(tmp_path / "new" / "deep", "x").path.is_dir()


def test_runs_of_the_same_second_have_their_own_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTN_RUNS", str(tmp_path))
    assert len({create_run(None, "same").path for _ in range(4)}) == 4
