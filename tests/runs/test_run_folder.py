"""The folder of a run: pointers, samples, and what is removed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from attn_cli.errors import CheckpointError, InputError
from attn_cli.runs import run_folder
from attn_cli.runs.atomic_files import read_at_most
from attn_cli.runs.run_folder import RunFolder


@pytest.mark.parametrize(
    "name", ["", "../../etc", "step-1", "/etc/passwd", "step-00000240/..", "x"]
)
def test_a_pointer_names_a_checkpoint_or_is_an_error(copied: RunFolder, name: str) -> None:
    (copied.checkpoints / "best").write_text(name)
    with pytest.raises(CheckpointError, match="is damaged: it names"):
        copied.checkpoint("best")


def test_before_the_first_evaluation_the_latest_is_used(copied: RunFolder) -> None:
    (copied.checkpoints / "best").unlink()
    assert copied.best_or_latest() == copied.checkpoint("latest")


def test_the_best_is_preferred_to_the_latest(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    best, latest = folders(run, 1, 2)
    run.set_pointer("latest", latest)
    run.set_pointer("best", best)
    assert run.best_or_latest() == best


def folders(run: RunFolder, *steps: int) -> list[Path]:
    """Makes checkpoint folders that are empty, and returns them."""
    made = [run.checkpoints / f"step-{step:08d}" for step in steps]
    for folder in made:
        folder.mkdir(parents=True)
    return made


def test_checkpoints_are_listed_newest_first_and_nothing_else_is(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.step_folders() == []
    old, new = folders(run, 5, 40)
    for name in ("step-00000040.damaged", "step-5", ".step-00000007.1.tmp", "latest"):
        (run.checkpoints / name).mkdir()
    assert run.step_folders() == [new, old]


def test_steps_are_ordered_by_number_and_not_by_name(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    old, new = folders(run, 200_000_000, 1_000_000_000)
    assert run.step_folders() == [new, old]


def test_pruning_keeps_the_newest_and_those_with_a_pointer(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    best, _, _, kept, latest = folders(run, 1, 2, 3, 4, 5)
    run.set_pointer("best", best)
    run.set_pointer("latest", latest)
    run.prune(2)
    assert run.step_folders() == [latest, kept, best]
    assert {path.name for path in run.checkpoints.iterdir()} == {
        best.name, kept.name, latest.name, "best", "latest",
    }  # fmt: skip


def test_a_half_deleted_checkpoint_does_not_look_like_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path)
    _, latest = folders(run, 1, 2)

    def killed(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        run.prune(1)
    assert run.step_folders() == [latest]


def test_pruning_a_folder_that_somebody_removes_is_no_wrong_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path)
    _, latest = folders(run, 1, 2)
    run.set_pointer("latest", latest)

    def removed(path: Path, most: int) -> bytes:
        path.unlink(missing_ok=True)
        return read_at_most(path, most)

    monkeypatch.setattr(run_folder, "read_at_most", removed)
    run.prune(1)
    assert run.step_folders() == [latest]


@pytest.mark.parametrize("folder_too", [False, True])
def test_what_was_made_for_a_run_that_could_not_start_is_removed(
    tmp_path: Path, folder_too: bool
) -> None:
    run = RunFolder(tmp_path / "run")
    run.checkpoints.mkdir(parents=True)
    run.lock.touch()
    (run.path / ".config.yaml.4711.tmp").touch()  # of a process that was killed as it wrote it
    run.check_unused()
    run.remove_if_empty(folder_too=folder_too)
    assert run.path.exists() is not folder_too
    assert not run.checkpoints.exists()


@pytest.mark.parametrize("name", ["thesis.txt", "checkpoints/step-00000001", "checkpoints/latest"])
def test_a_folder_in_use_is_refused_and_never_removed(tmp_path: Path, name: str) -> None:
    run = RunFolder(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="is not empty") as refusal:
        run.check_unused()
    resumable = "step" in name
    assert ("attn train --resume" in (refusal.value.hint or "")) is resumable
    run.remove_if_empty(folder_too=True)
    assert (tmp_path / name).exists()


def test_samples_come_back_by_step(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.last_samples() == []
    texts = {3: "one\n\ntwo", 7: "", 12: "=== step 5\nlike a header"}
    for step, text in texts.items():
        run.append_sample(step, 1.25, text)
    assert run.last_samples() == list(texts.items())
    assert run.sample(12) == texts[12]
    assert run.sample(4) == ""


def test_only_the_end_of_long_samples_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path)
    for step in (3, 7):
        run.append_sample(step, 1.25, "a text of some length")
    monkeypatch.setattr("attn_cli.runs.run_folder._MAX_SAMPLES_BYTES", 60)
    assert run.last_samples() == [(7, "a text of some length")]
