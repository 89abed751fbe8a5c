"""A group is runs of several seeds, a sweep has groups; both stand for their best."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from attn_cli.errors import CheckpointError
from attn_cli.runs.load_model import find_model, load_group
from attn_cli.runs.run_folder import METADATA_FILE, RunFolder
from attn_cli.runs.run_group import RunGroup, Sweep, best_run, group_in
from attn_cli.runs.run_lookup import (
    find_checkpoint,
    find_newest,
    find_run,
    list_all,
    list_runs,
    resolve_name,
    resolve_run,
)
from tests.conftest import Outcome, Trained
from tests.run_copies import copy_group, copy_run

Attn = Callable[..., Outcome]


@pytest.fixture
def runs(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A single run, a group of three seeds, and a sweep of two arms with two seeds, the newest."""
    monkeypatch.setenv("ATTN_RUNS", str(tmp_path))
    copy_run(trained.run, tmp_path / "diary-2")
    copy_group(trained.run, tmp_path / "diary", {9: 1.4, 10: 1.25, 1337: 1.3})
    for arm, losses in (("rope", {1: 1.2, 2: 1.5}), ("learned", {1: 1.6, 2: 1.7})):
        copy_group(trained.run, tmp_path / "positions" / arm, losses)
    for age, name in enumerate(("positions", "diary", "diary-2")):
        for config in (tmp_path / name).rglob("config.yaml"):
            os.utime(config, (2e9 - age, 2e9 - age))
    return tmp_path


def damage(run: RunFolder) -> None:
    for folder in run.step_folders():
        (folder / METADATA_FILE).write_text("{}")


def test_groups_and_sweeps_are_told_from_runs(runs: Path) -> None:
    (runs / "empty").mkdir()
    (runs / "diary" / "seed-none").mkdir()
    found = list_all()
    assert found == [
        Sweep(runs / "positions"),
        RunGroup(runs / "diary"),
        RunFolder(runs / "diary-2"),
    ]
    assert list_runs() == [RunFolder(runs / "diary-2")]
    assert [run.path.name for run in RunGroup(runs / "diary").runs] == [
        "seed-9",
        "seed-10",
        "seed-1337",
    ]
    assert [arm.path.name for arm in Sweep(runs / "positions").arms] == ["learned", "rope"]
    assert group_in(runs / "empty") is None
    assert group_in(runs / "diary" / "seed-9") is None


@pytest.mark.parametrize(
    ("name", "best"),
    [
        ("diary", "diary/seed-10"),
        ("positions", "positions/rope/seed-1"),
        ("positions/learned", "positions/learned/seed-1"),
        ("diary/seed-1337", "diary/seed-1337"),
        ("diary-2", "diary-2"),
        ("pos", "positions/rope/seed-1"),
        (None, "positions/rope/seed-1"),
    ],
)
def test_a_group_is_its_best_model(runs: Path, name: str | None, best: str) -> None:
    path = None if name is None else Path(name)
    assert find_run(path).path == runs / best
    assert find_checkpoint(path)[0].path == runs / best
    assert load_group(path)[0][0].folder.path == runs / best
    if path is not None:
        assert runs / resolve_run(path)[0] == runs / best


def test_one_line_says_what_was_chosen(runs: Path) -> None:
    expected = f"{runs / 'diary'} is {runs / 'diary' / 'seed-10'}: the lowest validation loss, 1.25"
    path, (of_seeds,) = resolve_run(Path("diary"))
    assert path == runs / "diary" / "seed-10"
    assert of_seeds == f"{expected}00, of 3 runs"
    assert resolve_run(runs / "diary") == (path, [of_seeds])
    assert resolve_run(runs / "diary-2") == (runs / "diary-2", [])


@pytest.mark.parametrize(
    ("by", "metrics", "best", "reason"),
    [
        ("accuracy", {1: 0.9, 2: 0.8, 3: 0.9}, 3, "highest accuracy, 0.9000, of 3 runs"),
        ("error_rate", {1: 0.02, 2: 0.01, 3: 0.0}, 3, "lowest error rate, 0.0000, of 3 runs"),
        ("last", {1: 240.0, 2: 240.0, 3: 240.0}, 2, "lowest validation loss, 0.5000, of 3 runs"),
    ],
)
def test_what_a_run_chooses_by_chooses_in_its_group(
    trained_translator: Trained,
    tmp_path: Path,
    by: str,
    metrics: dict[int, float],
    best: int,
    reason: str,
) -> None:
    for seed, loss in ((1, 0.7), (2, 0.5), (3, 0.6)):
        state = {"best_val_loss": loss, "best_metric": metrics[seed], "train__best_by": by}
        copy_run(trained_translator.run, tmp_path / f"seed-{seed}", **state)
    run, note = best_run(RunGroup(tmp_path))
    assert run.path.name == f"seed-{best}"
    assert note.endswith(reason)


def test_unfinished_and_damaged_runs_are_told(trained: Trained, tmp_path: Path) -> None:
    group = RunGroup(copy_group(trained.run, tmp_path / "g", {1: 1.4, 2: 1.2, 3: 1.3}))
    shutil.rmtree(tmp_path / "g" / "seed-2")
    copy_run(trained.run, tmp_path / "g" / "seed-2", best_val_loss=1.0, finished=False)
    (tmp_path / "g" / "seed-4").mkdir()
    (tmp_path / "g" / "seed-4" / "config.yaml").write_text("")
    assert best_run(group)[1].endswith(
        "seed-3: the lowest validation loss, 1.3000, of 4 runs (2 unfinished)"
    )
    damage(group.runs[2])
    run, note = best_run(group)
    assert run.path.name == "seed-1"
    assert note.endswith("of 4 runs (2 unfinished, 1 damaged)")
    damage(group.runs[0])
    assert best_run(group)[1].endswith(
        "seed-2: the lowest validation loss, 1.0000, of 4 runs (none has finished, 2 damaged)"
    )
    damage(group.runs[1])
    with pytest.raises(CheckpointError, match=r"group .*state\.json is damaged"):
        best_run(group)


def test_a_group_before_its_first_checkpoint(runs: Path) -> None:
    for folder in (runs / "diary").glob("seed-*"):
        shutil.rmtree(folder / "checkpoints")
    with pytest.raises(CheckpointError, match="diary: no checkpoint in 3 runs yet"):
        find_run(runs / "diary")
    shutil.rmtree(runs / "positions")
    assert find_newest(trained=False) == RunGroup(runs / "diary")
    assert find_newest() == RunFolder(runs / "diary-2")
    # Of runs that a name only begins, too, one that can be used comes first.
    assert resolve_name(Path("dia"))[0] == runs / "diary-2"
    assert resolve_name(Path("diary"))[0] == runs / "diary"
    assert resolve_name(Path("diary"), trained=False)[0] == runs / "diary"


def test_a_group_is_not_resumed_as_one_run(runs: Path) -> None:
    for path in (Path("diary/seed-9"), Path("diary-2")):
        assert find_run(path, trained=False).path == runs / path
    with pytest.raises(CheckpointError, match="diary is a group, not one run") as caught:
        find_run(runs / "diary", trained=False)
    assert "seed-1337" in str(caught.value.hint)


def test_a_group_can_be_renamed_and_copied(runs: Path) -> None:
    (runs / "diary").rename(runs / "journal")
    shutil.copytree(runs / "journal", runs / "elsewhere" / "copy")
    assert find_run(Path("journal")).path == runs / "journal" / "seed-10"
    assert find_run(runs / "elsewhere" / "copy").path == runs / "elsewhere" / "copy" / "seed-10"


def test_the_folder_of_all_runs_is_no_sweep(runs: Path) -> None:
    shutil.rmtree(runs / "diary-2")
    with pytest.raises(CheckpointError, match="is not a run") as caught:
        find_run(runs)
    assert "seed-" in str(caught.value.hint)


def test_the_newest_model_may_be_that_of_a_group(runs: Path) -> None:
    assert find_model(None, None).description.startswith(str(runs / "positions" / "rope"))


def test_probabilities_are_averaged_over_a_group_of_encoder_decoders(
    trained_translator: Trained, attn: Attn, tmp_path: Path
) -> None:
    copy_group(trained_translator.run, tmp_path / "runs" / "pairs", {1: 0.5, 2: 0.4, 3: 0.6})
    shutil.rmtree(tmp_path / "runs" / "pairs" / "seed-3" / "checkpoints")
    for run in ((), ("--run", "pairs")):
        result = attn("generate", "abc", *run, "--json")
        assert [Path(each).name for each in result.json["runs"]] == ["seed-1", "seed-2"]
        assert "mean probabilities of 2 runs" in result.err
    measured = attn("evaluate", "--run", "pairs", "--json").json
    assert [Path(each).name for each in measured["runs"]] == ["seed-1", "seed-2"]
    assert "seed-2" in attn("inspect-shapes", "--run", "pairs").err


def test_the_command_line_says_which_seed(attn: Attn, trained: Trained, tmp_path: Path) -> None:
    copy_group(trained.run, tmp_path / "runs" / "diary", {1: 1.5, 2: 1.4})
    chosen = "runs/diary is runs/diary/seed-2: the lowest validation loss, 1.4000, of 2 runs"
    for command in (("generate", "The", "--seed", "1"), ("evaluate",), ("inspect-shapes",)):
        result = attn(*command, "--run", "diary")
        assert result.code == 0, result.err
        assert chosen in result.err.replace(os.sep, "/").splitlines()
    assert attn("evaluate", "diary").err.startswith("attn: diary is a group, not a text")
