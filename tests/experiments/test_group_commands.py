"""`attn train --seeds` as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from attn_cli.errors import InputError
from attn_cli.experiments.plan import parse_seeds
from attn_cli.runs.run_folder import RunFolder
from tests.conftest import TINY, Outcome, Trained
from tests.run_copies import copy_run

Attn = Callable[..., Outcome]
RECIPE = tuple(word for setting in TINY for word in ("--set", setting))


def make_group(folder: Path, trained: Trained, *seeds: int) -> None:
    """Runs of several seeds, with losses of their own."""
    for seed in seeds:
        copy_run(
            trained.run, folder / f"seed-{seed}", train__seed=seed, best_val_loss=1 + seed / 10
        )


def write_experiment(folder: Path, *seeds: int, **changes: object) -> None:
    """The plan of a group that is to learn as `trained` did."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = {
        "working_folder": str(folder), "config": None, "init_from": None, "settings": {},
        "arms": [{"name": "", "settings": {}}], "seeds": seeds, "jobs": 1, "confirms": False,
    }  # fmt: skip
    (folder / "experiment.json").write_text(json.dumps(plan | changes), encoding="utf-8")


def test_a_run_that_fails_leaves_the_others_alone(
    attn: Attn, tmp_path: Path, verse_file: Path
) -> None:
    """And each run is, bit for bit, the one that its seed makes by hand."""
    settings = {key: json.loads(value) if value[0].isdigit() else value
                for key, _, value in (setting.partition("=") for setting in TINY)}  # fmt: skip
    settings |= {"train.steps": 3, "data.text": [str(verse_file)]}
    group = tmp_path / "runs" / "verse"
    write_experiment(group, 1, 2, settings=settings)
    (group / "seed-1").mkdir()
    (group / "seed-1" / "mine.txt").touch()
    outcome = attn("train", "--resume", "verse")
    assert outcome.code == 1
    assert "seed 1 of 2 failed" in outcome.err
    assert "seed 2 of 2: val loss" in outcome.err
    assert "best" not in outcome.out
    (group / "seed-1" / "mine.txt").unlink()
    before = (group / "seed-2" / "metrics.jsonl").stat().st_mtime_ns
    resumed = attn("train", "--resume", "--json")
    assert (resumed.code, resumed.json["failed"]) == (0, [])
    assert (group / "seed-2" / "metrics.jsonl").stat().st_mtime_ns == before
    assert [run["seed"] for run in resumed.json["runs"]] == [1, 2]
    attn("train", verse_file, *RECIPE, "--steps", "3", "--seed", "1", "--out", "by-hand")
    weights = [run.checkpoint("latest") / "model.safetensors"
               for run in map(RunFolder, (tmp_path / "by-hand", group / "seed-1"))]  # fmt: skip
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_an_ended_group_says_so_and_shows_its_table(
    attn: Attn, tmp_path: Path, trained: Trained
) -> None:
    group = tmp_path / "runs" / "verse"
    make_group(group, trained, 1, 2, 3)
    write_experiment(group, 1, 2, 3)
    outcome = attn("train", "--resume", "verse")
    assert (outcome.code, outcome.err) == (0, "runs/verse: 3 runs, ended\n")
    assert (
        "val loss 1.2000 ± 0.1000 (mean ± sd of 3 seeds), 95 % CI [0.9516, 1.4484]" in outcome.out
    )
    assert "best 1.1000 (seed 1), worst 1.3000 (seed 3)" in outcome.out
    assert outcome.out.endswith("next: attn generate --run verse\n")
    summary = attn("train", "--resume", "verse", "--json").json["summary"]["val_loss"]
    assert (summary["n"], summary["min"], summary["max"]) == (3, 1.1, 1.3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--seeds", "two"), "--seeds 'two' is no list of numbers"),
        (("--seeds", "1,1"), "a seed is given twice"),
        (("--seeds", "0"), "from 1 to 1,000 seeds"),
        (("--seeds", "1,2", "--seed", "3"), "exclude each other"),
        (("--seeds", "2", "--jobs", "0"), "--jobs 0: at least 1"),
        (("--seeds", "2", "--resume", "verse"), "--seeds and --resume exclude each other"),
        (("--seeds", "2", "--set", "model.n_head=7"), "--set model.n_head=7: n_embd"),
        (("nowhere.txt", "--seeds", "2"), "there is no file, folder or built-in text"),
        (("--resume", "verse", "--steps", "5"), "resumed as it was planned, without --steps"),
        (("--jobs", "2"), "--jobs is for several runs"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_trained(
    attn: Attn, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    write_experiment(tmp_path / "runs" / "verse", 1)
    outcome = attn("train", *words)
    assert outcome.code == 2
    assert said in outcome.err
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["verse"]


def test_torchrun_and_several_seeds_exclude_each_other(
    attn: Attn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"WORLD_SIZE": "2", "RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    outcome = attn("train", "--seeds", "2")
    assert outcome.code == 2
    assert "torchrun trains one run" in outcome.err


def test_a_damaged_plan_is_told(attn: Attn, tmp_path: Path) -> None:
    for damage in ({"arms": []}, {"arms": [{"name": "../x", "settings": {}}]}, {"more": 1}):
        write_experiment(tmp_path / "runs" / "verse", 1, **damage)
        outcome = attn("train", "--resume", "verse")
        assert outcome.code == 2
        assert "experiment.json is damaged" in outcome.err


def test_seeds_are_a_number_or_a_list() -> None:
    assert parse_seeds("3", None, 1337) == (1337, 1338, 1339)
    assert parse_seeds("2", 7, 1337) == (7, 8)
    assert parse_seeds("5,", None, 1337) == (5,)
    assert parse_seeds("4, 2", None, 1337) == (4, 2)
    with pytest.raises(InputError, match="none below 0"):
        parse_seeds("1,-2", None, 1337)
