"""Runs are found by folder, by name or by age."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attn_cli.errors import CheckpointError
from attn_cli.runs.run_creation import create_run
from attn_cli.runs.run_folder import RunFolder
from attn_cli.runs.run_lookup import find_run, list_runs, resolve_name


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


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs that are newer the later they stand here; the last one has no checkpoint."""
    monkeypatch.setenv("ATTN_RUNS", str(tmp_path))
    names = ("diary", "tales-20261121-190327", "diary-2", "diary-long", "tales-20261122-080000")
    for age, name in enumerate(reversed(names)):
        (tmp_path / name / "checkpoints" / "step-00000001").mkdir(parents=True)
        (tmp_path / name / "config.yaml").write_text("")
        os.utime(tmp_path / name / "config.yaml", (2e9 - age, 2e9 - age))
    (tmp_path / "tales-20261122-080000" / "checkpoints" / "step-00000001").rmdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "found", "told"),
    [
        ("diary", "diary", "; newer: "),  # not what only begins so, though it is newer
        ("diary-2", "diary-2", ""),
        ("diary-l", "diary-long", "diary-l is "),
        ("di", "diary-long", "the newest of 3"),
        ("tales", "tales-20261121-190327", "the newest of 2"),  # of those with a checkpoint
        ("tales-20261122", "tales-20261122-080000", "tales-20261122 is "),
        ("tales-20261122-080000", "tales-20261122-080000", ""),
    ],
)
def test_an_exact_name_wins_and_of_others_the_newest(
    runs: Path, name: str, found: str, told: str
) -> None:
    path, note = resolve_name(Path(name))
    assert path == find_run(Path(name)).path == runs / found
    assert told in note
    assert bool(told) == bool(note)


def test_without_the_first_of_a_name_its_newest_number_is_found(runs: Path) -> None:
    (runs / "diary").rename(runs / "diary-3")
    assert resolve_name(Path("diary"))[0] == runs / "diary-2"
    assert "the newest of 2 (the others: " in resolve_name(Path("diary"))[1]


def test_an_exact_name_wins_even_without_a_checkpoint(runs: Path) -> None:
    (runs / "diary" / "checkpoints" / "step-00000001").rmdir()
    assert resolve_name(Path("diary"))[0] == runs / "diary"


@pytest.mark.parametrize("other", ["diary-2024", "diary-1", "diary-007"])
def test_a_name_that_ends_with_a_number_is_its_own(runs: Path, other: str) -> None:
    (runs / "diary-2").rename(runs / other)
    assert resolve_name(Path("diary")) == (runs / "diary", "")
    assert resolve_name(Path(other)) == (runs / other, "")


def test_to_be_resumed_a_run_needs_no_checkpoint(runs: Path) -> None:
    newest = runs / "tales-20261122-080000"
    assert find_run(Path("tales"), trained=False).path == newest
    assert find_run(None, trained=False).path == newest
    assert find_run(None).path == runs / "diary-long"


def test_a_path_wins_over_a_name(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs)
    assert resolve_name(Path("diary")) == (Path("diary"), "")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("dairy", "diary"), ("tale-20261121-190327", "tales"), ("elsewhere/diray", "diary")],
)
def test_a_misspelt_name_is_answered_by_near_ones(runs: Path, typed: str, meant: str) -> None:
    with pytest.raises(CheckpointError, match=f"no run {typed}") as caught:
        find_run(Path(typed))
    assert f"did you mean {meant}?" in (caught.value.hint or "")
