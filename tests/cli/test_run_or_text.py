"""A run where a text is wanted, and the other way round; a checkpoint where a run is."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_errors import refused
from tests.conftest import Outcome, Trained

Attn = Callable[..., Outcome]


@pytest.fixture
def runs(trained: Trained, tmp_path: Path) -> Path:
    """`runs/a`, and a newer `runs/b`."""
    for name in "ab":
        shutil.copytree(trained.run.path, tmp_path / "runs" / name)
        (tmp_path / "runs" / name / "config.yaml").touch()
    return tmp_path / "runs"


@pytest.mark.parametrize("name", ["runs/a", "a", "CHECKPOINT"])
@pytest.mark.parametrize(
    ("command", "meant"),
    [
        ("evaluate", "attn evaluate --run {}"),
        ("inspect-heads", "attn inspect-heads --run {}"),
        ("train", "attn train --resume {}; to begin with its weights: attn train TEXT --init-from"),
    ],
)
def test_a_run_is_no_text(
    attn: Attn, runs: Path, trained: Trained, name: str, command: str, meant: str
) -> None:
    if name == "CHECKPOINT":
        name = f"runs/a/checkpoints/{trained.run.checkpoint('best').name}"
    refused(attn(command, name), f"{name} is a run, not a text", meant.format(name))


def test_a_text_of_the_name_of_a_run_is_a_text(attn: Attn, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "text.txt").write_text("The owl sat.\n" * 9)
    outcome = attn("evaluate", "a")
    assert outcome.code == 0, outcome.err
    assert "a: 116 characters" in outcome.out


@pytest.mark.parametrize(
    ("prompt", "meant"),
    [
        ("runs/a", "attn {} --run runs/a"),
        ("owl.txt", '"$(cat owl.txt)"'),
    ],
)
@pytest.mark.parametrize("command", ["generate", "inspect-logits", "explain"])
def test_a_prompt_that_is_also_a_path(
    attn: Attn, runs: Path, tmp_path: Path, prompt: str, meant: str, command: str
) -> None:
    (tmp_path / "owl.txt").write_text("owl")
    outcome = attn(command, prompt)
    assert outcome.code == 0, outcome.err
    assert f"the text is {prompt!r} itself" in outcome.err
    assert meant.format(command) in outcome.err
    assert "itself" not in attn(command, "The owl").err


@pytest.mark.parametrize(
    ("make", "words"),
    [
        ("file", ("x is a file, not a run", "attn train x", "attn evaluate x")),
        ("hf", ("x is a Hugging Face folder, not a run", "attn import x")),
        ("runs", ("x is not a run", "name one, such as x/inside")),
        ("folder", ("x is not a run", "config.yaml")),
    ],
)
@pytest.mark.parametrize("command", [("generate", "--run"), ("train", "--resume")])
def test_what_is_no_run_is_named(
    attn: Attn, tmp_path: Path, make: str, words: tuple[str, ...], command: tuple[str, ...]
) -> None:
    path = tmp_path / "x"
    if make == "file":
        path.write_text("a text")
    else:
        path.mkdir()
    if make == "hf":
        (path / "config.json").write_text("{}")
    if make == "runs":
        (path / "inside").mkdir()
        (path / "inside" / "config.yaml").write_text("")
    refused(attn(*command, "x"), *words)


ON_A_RUN = pytest.mark.parametrize(
    "command",
    [
        ("generate", "The"),
        ("evaluate",),
        ("explain", "The"),
        ("inspect-shapes",),
        ("inspect-attention", "The"),
        ("inspect-heads", "--chars", "50"),
        ("inspect-logits", "The"),
        ("inspect-training",),
        ("export", "page", "page.html"),
    ],
    ids=lambda command: command[0],
)


@ON_A_RUN
def test_a_checkpoint_stands_for_its_run(
    attn: Attn, trained: Trained, runs: Path, command: tuple[str, ...]
) -> None:
    newest = trained.run.checkpoint("latest").name
    outcome = attn(*command, "--run", f"runs/a/checkpoints/{newest}")
    assert outcome.code == 0, outcome.err


def test_the_checkpoint_that_is_named_is_the_one_that_is_used(
    attn: Attn, runs: Path, trained: Trained
) -> None:
    for folder in trained.run.step_folders():
        found = attn("evaluate", "--run", f"runs/a/checkpoints/{folder.name}", "--json").json
        assert found["step"] == int(folder.name[5:])
        assert found["run"] == "runs/a"


def test_a_checkpoint_out_of_its_run(attn: Attn, runs: Path, tmp_path: Path) -> None:
    best = runs / "a" / "checkpoints" / (runs / "a/checkpoints/best").read_text().strip()
    shutil.copytree(best, tmp_path / best.name)
    assert attn("generate", "The", "--run", best.name).code == 0


def test_a_run_is_resumed_not_a_checkpoint(attn: Attn, runs: Path, trained: Trained) -> None:
    folder = f"runs/a/checkpoints/{trained.run.checkpoint('best').name}"
    refused(attn("train", "--resume", folder), "is a checkpoint, not a run", "name its run")


def test_inspect_training_takes_the_run_as_an_option_too(attn: Attn, runs: Path) -> None:
    assert attn("inspect-training", "--run", "a").out == attn("inspect-training", "a").out
    refused(attn("inspect-training", "a", "--run", "b"), "RUN and --run are the same")


@ON_A_RUN
def test_the_newest_run_is_told_where_it_was_taken(
    attn: Attn, runs: Path, command: tuple[str, ...]
) -> None:
    assert "runs/b, step" in attn(*command).err


@ON_A_RUN
def test_a_run_is_found_by_the_beginning_of_its_name(
    attn: Attn, runs: Path, command: tuple[str, ...]
) -> None:
    (runs / "a").rename(runs / "diary")
    outcome = attn(*command, "--run", "dia")
    assert outcome.code == 0, outcome.err
    assert "dia is runs/diary\n" in outcome.err


@pytest.mark.parametrize("option", ["--resume", "--init-from"])
def test_an_exact_name_is_taken_and_a_newer_one_that_begins_so_is_told(
    attn: Attn, runs: Path, option: str
) -> None:
    (runs / "a").rename(runs / "diary")
    (runs / "b").rename(runs / "diary-2")
    outcome = attn("train", option, "diary", "--set", "train.steps=241")
    assert outcome.code == 0, outcome.err
    assert "diary is runs/diary; newer: runs/diary-2" in outcome.err
    refused(attn("train", option, "dairy"), "no run dairy", "did you mean diary?")


def test_a_name_for_a_run(attn: Attn, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("The owl sat. " * 90)
    recipe = ("--config", "lesson", "--steps", "2", "--name", "my_diary.1", "--json")
    for name in ("my_diary.1", "my_diary.1-2"):
        assert attn("train", "text.txt", *recipe).json["run"] == f"runs/{name}"
        assert (runs / name / "config.yaml").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--name", "x/y"), "--name 'x/y': a run's name has letters"),
        (("--name", ""), "--name ''"),
        (("--name", ".x"), "--name '.x'"),
        (("--name", "x", "--out", "y"), "--name and --out exclude each other"),
        (("--name", "x", "--resume"), "--resume and --name exclude each other"),
    ],
)
def test_names_that_cannot_be(
    attn: Attn, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    refused(attn("train", *words), message)
    assert not (tmp_path / "runs").exists()


def test_a_prompt_in_another_normal_form_is_told(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("sch\u00f6n " * 200)
    recipe = ("--config", "lesson", "--steps", "2", "--set", "data.tokenizer=corpus", "--quiet")
    assert attn("train", "text.txt", *recipe).code == 0
    commands = (
        ("generate",), ("inspect-logits",), ("inspect-shapes",), ("inspect-attention",),
        ("explain", "--all"), ("inspect-training", "--text"),
        ("export", "page", "page.html", "--text"),
    )  # fmt: skip
    for command in commands:
        outcome = attn(*command, "scho\u0308n")
        assert outcome.code == 0, outcome.err
        assert "accents of the text were composed" in outcome.err
        assert "accents" not in attn(*command, "sch\u00f6n").err
