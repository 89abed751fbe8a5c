"""`attn train --resume` and `--init-from` as a user calls them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from attn_cli.cli.train import with_bare_resume
from tests.conftest import VERSE, Outcome

Attn = Callable[..., Outcome]

RECIPE = ("--config", "lesson", "--steps", "40", "--set", "sample.max_new_chars=30",
          "--set", "model.dropout=0.1", "--set", "train.eval_every=10",
          "--set", "train.checkpoint_every=5", "--set", "train.keep_checkpoints=99",
          "--set", "train.log_every=1")  # fmt: skip


@pytest.fixture
def killed(attn: Attn, tmp_path: Path, verse_file: Path) -> Path:
    """A run as it is after a kill: done up to step 29, saved up to step 25."""
    trained = attn("train", verse_file, *RECIPE, "--out", "runs/whole", "--quiet")
    assert trained.code == 0, trained.err
    run = tmp_path / "runs" / "killed"
    shutil.copytree(tmp_path / "runs" / "whole", run)
    for step in (30, 35, 40):
        shutil.rmtree(run / "checkpoints" / f"step-{step:08d}")
    (run / "checkpoints" / "latest").write_text("step-00000025\n")
    (run / "config.yaml").touch()  # the newest run
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join(lines[:29]))
    return run


def test_what_a_run_leaves_is_the_same_after_a_kill(
    attn: Attn, tmp_path: Path, killed: Path
) -> None:
    outcome = attn("train", "--resume")  # the newest run
    assert outcome.code == 0, outcome.err
    assert "resumed from step 25 (runs/killed/checkpoints/step-00000025)" in outcome.err
    whole = tmp_path / "runs" / "whole"
    assert (killed / "samples.txt").read_text() == (whole / "samples.txt").read_text()
    assert (killed / "config.yaml").read_text() == (whole / "config.yaml").read_text()
    steps = [json.loads(line)["step"] for line in (killed / "metrics.jsonl").open()]
    assert steps == list(range(1, 41))
    for pointer in ("latest", "best"):
        assert (killed / "checkpoints" / pointer).read_text() == (
            whole / "checkpoints" / pointer
        ).read_text()
    # It ends as every run does: with the sample of its best step, wherever that was written.
    sample = (whole / "samples.txt").read_text().split("=== step 40 ")[1].split("\n", 1)[1]
    assert outcome.out.startswith(sample.strip("\n")[:10])


@pytest.mark.parametrize(
    "words",
    [
        ("--resume", "runs/killed"),
        ("--resume=killed",),
        ("--resume", "--quiet"),
        ("--quiet", "--resume"),
    ],
)
def test_ways_to_name_the_run(attn: Attn, killed: Path, words: tuple[str, ...]) -> None:
    outcome = attn("train", *words, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["run"] == "runs/killed"
    assert outcome.json["steps"] == 40
    assert not outcome.json["interrupted"]


@pytest.mark.parametrize(
    ("words", "read"),
    [
        ([], []),
        (["--resume"], ["--resume="]),
        (["--resume", "--json"], ["--resume=", "--json"]),
        (["a.txt", "--resume", "runs/x"], ["a.txt", "--resume", "runs/x"]),
    ],
)
def test_resume_may_stand_alone(words: list[str], read: list[str]) -> None:
    assert with_bare_resume(words) == read


def test_a_run_that_has_ended_says_so(attn: Attn, killed: Path) -> None:
    outcome = attn("train", "--resume", "runs/whole")
    assert outcome.code == 0
    ended, longer = outcome.err.splitlines()
    assert ended.startswith("runs/whole ended after 40 steps and ")
    assert longer.endswith("attn train --resume runs/whole --more-steps 40")
    assert outcome.out == ""  # its sample is not a new one
    assert attn("train", "--resume", "runs/whole", "--quiet").err == outcome.err
    silent = attn("train", "--resume", "runs/whole", "--quiet", "--json")
    assert (silent.json["steps"], silent.err) == (40, "")
    assert attn("train", *longer.split(" attn train ")[1].split(), "--json").json["steps"] == 80


def test_the_same_command_with_resume_resumes(attn: Attn, killed: Path, verse_file: Path) -> None:
    """The whole command line again: what it says is what the run has."""
    outcome = attn("train", verse_file, *RECIPE, "--resume", "runs/killed", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["steps"] == 40


def test_runs_tells_which_are_not_done(attn: Attn, killed: Path) -> None:
    listed = attn("runs").out
    assert "25 so far" in listed
    assert attn("train", "--resume", "runs/killed").code == 0
    assert "so far" not in attn("runs").out


def test_without_a_configuration_the_checkpoint_has_one(attn: Attn, killed: Path) -> None:
    (killed / "config.yaml").unlink()
    assert attn("train", "--resume", "runs/killed", "--json").json["steps"] == 40
    assert (killed / "config.yaml").is_file()


def test_from_begins_with_the_weights_of_another_run(
    attn: Attn, tmp_path: Path, killed: Path
) -> None:
    (tmp_path / "mine.txt").write_text(VERSE.upper() * 40)
    still = ("learning_rate=1e-30", "min_learning_rate=0", "matrix_learning_rate=1e-30")
    outcome = attn("train", "mine.txt", "--init-from", "runs/whole", "--steps", "2",
                   "--out", "tuned", *(f"--set=train.{rate}" for rate in still))  # fmt: skip
    assert outcome.code == 0, outcome.err
    whole = tmp_path / "runs" / "whole"
    best = whole / "checkpoints" / (whole / "checkpoints" / "best").read_text().strip()
    assert f"begins with the weights of {best}" in outcome.err
    config = yaml.safe_load((tmp_path / "tuned" / "config.yaml").read_text())
    assert config["train"]["init_from"] == str(best)
    assert config["model"]["n_embd"] == 16
    assert config["train"]["seed"] == 1337
    # With steps of no size, it is still the model that it came from.
    known = attn("evaluate", "mine.txt", "--run", "runs/whole", "--json").json["loss"]
    own = attn("evaluate", "mine.txt", "--run", "tuned", "--json").json["loss"]
    assert own == pytest.approx(known, abs=2e-3)
    # The saved configuration trains the same again.
    again = attn("train", "--config", "tuned/config.yaml", "--json").json
    assert again["val_loss"] == attn("train", "--resume", "tuned", "--json").json["val_loss"]


def test_from_keeps_the_vocabulary(attn: Attn, tmp_path: Path, verse_file: Path) -> None:
    corpus = ("--set", "data.tokenizer=corpus")
    assert attn("train", verse_file, *RECIPE, *corpus, "--steps", "3", "--out", "small").code == 0
    (tmp_path / "other.txt").write_text("0123456789 " * 99)
    outcome = attn("train", "other.txt", "--init-from", "small", "--steps", "1")
    assert outcome.code == 2
    assert "outside the corpus vocabulary" in outcome.err
    assert "vocabulary is fixed" in outcome.err
    (tmp_path / "near.txt").write_text(VERSE.replace("moon", "mön") * 40)
    near = attn("train", "near.txt", "--init-from", "small", "--steps", "1")
    assert near.code == 0, near.err
    assert "40 characters outside the vocabulary were changed" in near.err


def test_a_run_on_standard_input_is_resumed_without_it(attn: Attn, tmp_path: Path) -> None:
    """The run keeps the text, wherever it is moved."""
    stopped = ("--config", "lesson", "--steps", "5", "--out", "piped")
    assert attn("train", "-", *stopped, stdin=(VERSE * 20).encode()).code == 0
    (tmp_path / "piped").rename(tmp_path / "moved")
    outcome = attn("train", "--resume", "moved", "--steps", "8", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["steps"] == 8


def test_a_moved_run_on_standard_input_begins_anew(attn: Attn, tmp_path: Path) -> None:
    stopped = ("--config", "lesson", "--steps", "5", "--out", "piped")
    assert attn("train", "-", *stopped, stdin=(VERSE * 20).encode()).code == 0
    shutil.rmtree(tmp_path / "piped" / "checkpoints")  # killed before its first checkpoint
    (tmp_path / "piped").rename(tmp_path / "moved")
    assert attn("train", "--resume", "moved", "--json").json["steps"] == 5


def test_a_run_that_cannot_begin_leaves_no_folder(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text(VERSE * 20)
    huge = ("--set", "model.n_embd=65520", "--set", "model.n_layer=1000")
    outcome = attn("train", "mine.txt", "--config", "lesson", *huge)
    assert outcome.code == 1
    assert "out of memory" in outcome.err
    assert "model.n_embd (65520)" in outcome.err
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--resume", "runs/killed", "--out", "x"), ("--resume and --out exclude",)),
        (("--resume", "runs/killed", "--init-from", "x"), ("--resume and --init-from exclude",)),
        (("--resume", "nowhere"), ("no run nowhere", "attn runs")),
        (("--resume", "runs"), ("runs is not a run",)),
        (("--resume", "runs/killed", "--seed", "5"), ("train.seed 1337 -> 5", "train.init_from")),
        (("--resume", "runs/killed", "tales"), ("tales has changed since",)),
        (("--init-from", "nowhere"), ("no run nowhere",)),
        (("--init-from", "runs/whole", "--set", "model.n_embd=32"), ("model.n_embd 16 -> 32",)),
        (("--init-from", "runs/whole", "--set", "data.tokenizer=bytes"), ("keeps its vocabulary",)),
        (("--resume", "--more-steps", "5", "--steps", "9"), ("--more-steps 5 and --steps 9 ex",)),
        (("--resume", "--more-steps", "5", "--more-minutes", "1"), ("exclude each other",)),
        (
            ("--resume", "--more-minutes", "1", "--set", "train.minutes=3"),
            ("--more-minutes 1.0 and --set train.minutes=3 exclude each other",),
        ),
        (("--resume", "--more-steps", "0"), ("--more-steps 0: should be a number greater than 0",)),
        (("--resume", "--more-minutes", "nan"), ("should be a number greater than 0",)),
        (("--resume", "--more-minutes", "1e9"), ("--more-minutes 1000000000.0: should be less",)),
        (
            ("--resume", "--more-steps", "5"),
            ("the run still has 15 steps to go", "--resume"),
        ),
        (("--more-steps", "5"), ("--more-steps 5 is for a run to resume", "--resume")),
        (("--out", "runs/killed"), ("is not empty", "attn train --resume runs/killed")),
    ],
    ids=lambda value: "",
)
def test_wrong_input(
    attn: Attn, killed: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in killed.rglob("*.*"))
    outcome = attn("train", *arguments)
    assert outcome.code == 2, outcome.err
    assert len(outcome.err.strip().splitlines()) <= 2
    for word in words:
        assert word in outcome.err
    after = sorted((path, path.stat().st_mtime_ns) for path in killed.rglob("*.*"))
    assert [entry for entry in after if entry[0].name[0] != "."] == [
        entry for entry in before if entry[0].name[0] != "."
    ]


def test_no_run_to_resume(attn: Attn) -> None:
    outcome = attn("train", "--resume")
    assert outcome.code == 2
    assert "make one with: attn train" in outcome.err


def test_a_config_of_another_text_is_named_as_the_cause(attn: Attn, killed: Path) -> None:
    outcome = attn(
        "train", "--resume", "killed", "--config", "lesson", "--set", "model.dropout=0.1"
    )
    assert outcome.code == 2
    assert "config lesson has the text tales, and runs/killed was trained on" in outcome.err
    assert "leave --config out" in outcome.err


def test_a_batch_that_would_be_another_run_is_named_as_the_cause(attn: Attn, killed: Path) -> None:
    """And not the micro-batch, which `auto` chose."""
    outcome = attn("train", "--resume", "killed", "--set", "train.batch_size=5")
    assert outcome.code == 2
    assert "cannot be resumed with other settings: train.batch_size 32 -> 5" in outcome.err
    again = ("train", "--config", "runs/killed/config.yaml", "--set", "train.batch_size=5")
    assert attn(*again, "--steps", "2").code == 0


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        (("train", "--resume", "new/run"), "attn train NEW_PATH --resume new/run"),
        (("evaluate", "--run", "new/run"), "attn evaluate FILE"),
        (("generate", "--check-copy", "--run", "new/run"), "--check-copy needs it"),
    ],
)
def test_a_folder_that_was_renamed(
    attn: Attn, tmp_path: Path, command: tuple[str, ...], hint: str
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "verse.txt").write_text(VERSE * 30)
    assert attn("train", "old/verse.txt", *RECIPE[:2], "--steps", "2", "--out", "old/run").code == 0
    (tmp_path / "old").rename(tmp_path / "new")
    outcome = attn(*command)
    assert outcome.code == 2
    looked_for = tmp_path / "old" / "verse.txt"
    assert f"new/run was trained on {looked_for}, which is not there any more" in outcome.err
    assert hint in outcome.err
    assert "tales" not in outcome.err
