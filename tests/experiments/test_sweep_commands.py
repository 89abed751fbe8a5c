"""`attn sweep` as a user calls it; nothing is trained here but in the slow tests."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attn_cli.experiments.queue import finished_run
from attn_cli.runs.run_folder import RunFolder
from tests.conftest import Outcome, Trained
from tests.faults import harness
from tests.run_copies import copy_group

Attn = Callable[..., Outcome]
LOSSES = {"n_head=2": (1.5, 1.6), "n_head=4": (1.2, 1.3), "n_head=6": (1.8, 2.0)}


@pytest.fixture
def ended(tmp_path: Path, trained: Trained) -> Path:
    """A sweep of three arms with two seeds each, of which all runs have ended."""
    sweep = tmp_path / "runs" / "heads"
    for arm, losses in LOSSES.items():
        copy_group(trained.run, sweep / arm, dict(enumerate(losses, 1)))
    for arm, loss in (("n_head=2", 1.5), ("n_head=4", 1.4)):
        losses = {3: loss, 4: loss + 0.1}
        copy_group(trained.run, sweep / "confirm" / arm, losses)
    arms = [{"name": name, "settings": {"model.n_head": int(name[-1])}} for name in LOSSES]
    plan = {
        "working_folder": str(tmp_path), "config": None, "init_from": None, "settings": {},
        "arms": arms, "seeds": [1, 2], "jobs": 1, "confirms": True,
    }  # fmt: skip
    (sweep / "experiment.json").write_text(json.dumps(plan))
    return sweep


def test_the_leaderboard_compares_the_best_arm_on_fresh_seeds_alone(
    attn: Attn, ended: Path
) -> None:
    outcome = attn("sweep", "--resume", "heads")
    assert outcome.code == 0
    assert "runs/heads: 6 runs, ended" in outcome.err
    rows = [line.split() for line in outcome.out.splitlines()[1:4]]
    assert [row[0] for row in rows] == ["n_head=4", "n_head=2", "n_head=6"]
    assert "+0.3000" in rows[1]
    # On the seeds it was chosen by it is better by 0.3, on fresh ones by 0.1.
    assert "n_head=4 − n_head=2, same seeds: Δ −0.1000 nats" in outcome.out
    assert outcome.out.endswith("next: attn generate --run heads/n_head=4\n")
    found = attn("train", "--resume", "heads", "--json").json
    assert (found["best"], found["failed"]) == ("n_head=4", [])
    assert [arm["seeds"] for arm in found["confirmation"]["arms"]] == [[3, 4], [3, 4]]


def test_without_confirmation_it_says_what_that_means(attn: Attn, ended: Path) -> None:
    plan = json.loads((ended / "experiment.json").read_text())
    (ended / "experiment.json").write_text(json.dumps(plan | {"confirms": False}))
    outcome = attn("sweep", "--resume", "heads")
    assert "the best of several arms looks better than it is" in outcome.out
    assert "fresh" not in outcome.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "a sweep needs a setting with several values"),
        (("--set", "model.n_head=2,7"), "--set model.n_head=7: n_embd"),
        (("--set", "model.heads=2,4"), "unknown key"),
        (("--set", "train.seed=1,2"), "all arms have the same seeds"),
        (("--set", "data.tokenizer=corpus,bytes"), "losses cannot be compared"),
        (("--set", "model.n_layer=1..9"), "draw some: --random N"),
        (("--set", "model.n_head=2,4", "--seeds", "x"), "--seeds 'x' is no list"),
        (("--resume", "nowhere"), "there is no sweep nowhere"),
        (("nowhere.txt", "--set", "model.n_head=2,4"), "there is no file"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_trained(
    attn: Attn, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    outcome = attn("sweep", *words)
    assert outcome.code == 2
    assert said in outcome.err
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_lists_the_arms(attn: Attn, tmp_path: Path, verse_file: Path) -> None:
    words = ("sweep", verse_file, "--set", "model.n_head=2,4", "--seeds", "2", "--dry-run")
    outcome = attn(*words)
    assert outcome.out.splitlines() == ["n_head=2", "n_head=4", "2 arms, 2 seeds each: 4 runs"]
    assert attn(*words, "--json").json["seeds"] == [1337, 1338]
    assert not (tmp_path / "runs").exists()


SWEEP = ("--set", "train.learning_rate=0.01,0.03", "--seeds", "2", "--steps", "80")


def _board(folder: Path, sweep: str) -> Any:
    """What a sweep that has ended found, without times and the names of folders."""
    found = json.loads(
        harness.attn("sweep", "--resume", sweep, "--json", "--quiet", folder=folder).out
    )
    text = json.dumps([found["arms"], found["confirmation"]]).replace(sweep, "sweep")
    boards = json.loads(text, object_hook=lambda record: record | {"seconds": 0})
    return [found["best"], *boards]


@pytest.mark.slow
def test_ten_kills_lose_nothing_and_train_nothing_twice(tmp_path: Path) -> None:
    text, chance = harness.write_verse(tmp_path), random.Random(1)
    options = (*harness.settings("train.log_every=1"), *SWEEP)
    whole = harness.attn("sweep", text, *options, "--name", "whole", folder=tmp_path)
    assert whole.code == 0, whole.err
    killed, folder = 0, tmp_path / "runs" / "killed"
    ended: dict[Path, int] = {}
    while True:
        begun = (folder / "experiment.json").is_file()
        words = ("--resume", "killed") if begun else (text, *options, "--name", "killed")
        process = harness.start("sweep", *words, folder=tmp_path)
        until = time.monotonic() + chance.uniform(1, 6)
        if killed == 10 or not harness.wait_until(lambda: time.monotonic() > until, process):  # noqa: B023
            last = harness.wait(process)
            break
        process.kill()
        process.wait()
        killed += 1
        # No deeper: the run's own process may still be tidying up its checkpoints.
        for config in folder.glob("*/*/config.yaml"):
            if config.parent not in ended and finished_run(RunFolder(config.parent)):
                ended[config.parent] = (config.parent / "metrics.jsonl").stat().st_mtime_ns
    assert last.code == 0, last.err
    assert killed >= 5
    assert {path: (path / "metrics.jsonl").stat().st_mtime_ns for path in ended} == ended
    runs = sorted(folder.rglob("metrics.jsonl"))
    assert len(runs) == 8
    for metrics in runs:
        steps = [json.loads(line)["step"] for line in metrics.open()]
        assert steps == list(range(1, 81))
    assert _board(tmp_path, "killed") == _board(tmp_path, "whole")


@pytest.mark.slow
def test_two_at_once_come_to_the_same_and_a_signal_ends_both(tmp_path: Path) -> None:
    text = harness.write_verse(tmp_path)
    options = (*harness.settings(), "--seeds", "2", "--steps", "60", "--out")
    assert harness.attn("train", text, *options, "one", folder=tmp_path).code == 0
    process = harness.start("train", text, *options, "two", "--jobs", "2", folder=tmp_path)
    runs = [RunFolder(tmp_path / "two" / f"seed-{seed}") for seed in (1337, 1338)]
    harness.wait_until(lambda: all(map(harness.latest_step, runs)), process)
    refused = harness.attn("train", "--resume", "two", folder=tmp_path)
    assert (refused.code, "another process trains its runs" in refused.err) == (2, True)
    process.terminate()
    stopped = harness.wait(process)
    assert stopped.code == 143
    assert "to resume: attn train --resume two" in stopped.err
    assert "times cannot be compared" in stopped.err
    assert harness.attn("train", "--resume", "two", folder=tmp_path).code == 0
    for run in runs:
        assert not harness.difference(run, RunFolder(tmp_path / "one" / run.path.name))
