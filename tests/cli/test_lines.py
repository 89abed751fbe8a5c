"""A run of lines: every command works on it, and what cannot be a list is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import NAMES, TINY, Outcome, Trained, train_in

Attn = Callable[..., Outcome]
SETTINGS = [f"--set={setting}" for setting in TINY]


@pytest.fixture(scope="module")
def trained_on_names(names_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("lines") / "runs" / "names"
    return train_in(folder, names_file, "data.records=lines", "train.steps=160")


@pytest.fixture
def at(trained_on_names: Trained) -> tuple[str, str]:
    return "--run", str(trained_on_names.run.path)


def test_it_learns_to_write_names(trained_on_names: Trained) -> None:
    assert (trained_on_names.result.val_loss or 9) < 1.5
    written = trained_on_names.run.sample(160).strip().splitlines()
    assert len(written) == 10
    assert any(name + "\n" in NAMES for name in written)


def test_train_lines_of_the_command_line(attn: Attn, names_file: Path) -> None:
    done = attn("train", names_file, "--lines", "--steps", "12", *SETTINGS, "--out", "run")
    assert done.code == 0, done.err
    assert "108 lines to train on, 12 to validate on" in done.err
    assert attn("train", "--resume", "run", "--lines", "--steps", "14").code == 0
    other = attn("train", "--resume", "run", "--set", "data.records=stream")
    assert other.code == 2
    assert "other settings: data.records lines -> stream" in other.err


def test_evaluation_of_the_run_is_that_of_its_training(
    attn: Attn, at: tuple[str, str], trained_on_names: Trained
) -> None:
    found = attn("evaluate", *at, "--json").json
    assert found["loss"] == pytest.approx(trained_on_names.result.val_loss, rel=1e-6)
    assert found["chars"] == trained_on_names.result.val_chars


def test_another_file_is_measured_line_by_line(
    attn: Attn, at: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text("Bala")
    (tmp_path / "many.txt").write_text("Bala\n\n   \n" * 20)
    one, many = (
        attn("evaluate", name, *at, "--json", "--per-char").json for name in ("one.txt", "many.txt")
    )
    assert (one["chars"], many["chars"]) == (5, 100)
    assert many["loss"] == pytest.approx(one["loss"], rel=1e-5)
    assert "".join(many["per_char"]["characters"]) == 20 * "Bala\n"
    assert many["per_char"]["surprisal_bits"][:5] == one["per_char"]["surprisal_bits"]


def test_inspection_begins_with_the_newline(
    attn: Attn, at: tuple[str, str], trained_on_names: Trained
) -> None:
    assert attn("inspect-attention", "Bala", *at, "--json").json["characters"] == list("\nBala")
    own = attn("inspect-training", *at, "--json").json
    assert own["characters"][0] == "\n"
    assert "\n" not in own["characters"][1:]
    assert "\\nBala" in attn("inspect-logits", "Bala", *at).err


def test_heads_are_measured_on_lines(attn: Attn, at: tuple[str, str]) -> None:
    found = attn("inspect-heads", *at, "--json").json
    assert len(found["heads"]) == 6
    assert all(head["loss_increase_se"] > 0 for head in found["heads"])


@pytest.mark.parametrize(
    ("text", "settings", "words"),
    [
        ("Bala\n", (), "1 line with text, and it needs 3"),
        ("Bala\n" * 50, (), "all 50 lines are equal"),
        ("\n \n\n", (), "no lines: all of it is blank"),
        ("Bala\n" * 20 + "Kalastindelia Feioret\n", ("--set=data.too_long=error",),
         "line 21 of the text, 'Kalastindelia Feioret', is too long: 21 characters, and "
         "block_size 16 has room for 15"),
        ("Kalastindelia Feioret\nBala\n" * 20, ("--set=data.too_long=drop",),
         "of 40 lines only 20 fit into block_size 16"),
    ],
)  # fmt: skip
def test_what_is_no_list_is_told(
    attn: Attn, tmp_path: Path, text: str, settings: tuple[str, ...], words: str
) -> None:
    (tmp_path / "list.txt").write_text(text)
    done = attn("train", "list.txt", "--lines", "--steps", "2", *SETTINGS, *settings)
    assert done.code == 2
    assert words in done.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("how", "told"), [("cut", "cut"), ("drop", "left out")])
def test_lines_that_are_too_long_are_counted(
    attn: Attn, tmp_path: Path, how: str, told: str
) -> None:
    (tmp_path / "list.txt").write_text("".join(NAMES) + "Kalastindelia Feioret\n" * 3)
    done = attn(
        "train", "list.txt", "--lines", "--steps", "2", *SETTINGS, f"--set=data.too_long={how}"
    )
    assert done.code == 0, done.err
    assert f"{told}: 3 of 123 lines, longer than the 15 characters" in done.err
    evaluated = attn("evaluate", "--json")
    assert evaluated.code == 0


def test_the_size_is_chosen_by_the_longest_line(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("".join(NAMES))
    done = attn("train", "list.txt", "--lines", "--minutes", "0.05", "--out", "run", "--json")
    assert done.code == 0, done.err
    assert "context 12" in done.err
    config = json.loads(next((tmp_path / "run" / "checkpoints").glob("*/state.json")).read_text())
    assert config["config"]["data"]["records"] == "lines"


def test_a_vocabulary_without_a_newline_cannot_learn_lines(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "word.txt").write_text("Balaoruman" * 40)
    corpus = "--set=data.tokenizer=corpus"
    first = attn("train", "word.txt", "--steps", "2", *SETTINGS, corpus, "--out", "run")
    assert first.code == 0, first.err
    longer = "".join(f"{letter}{'alaorumanB' * 4}\n" for letter in "Balorumn")
    (tmp_path / "names.txt").write_text(longer)
    done = attn("train", "names.txt", "--lines", "--steps", "2", "--init-from", "run")
    assert done.code == 2
    assert "the vocabulary has no newline" in done.err
