"""`--svg`, `--png`, `--pdf`, `--theme` and `--size`: of every command that has a picture."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_errors import refused
from tests.conftest import Outcome, Trained, train_in
from tests.figures.read_svg import size_of, texts_of
from tests.run_copies import copy_group

Attn = Callable[..., Outcome]
COMMANDS = {
    "inspect-attention": ("inspect-attention", "The owl", "--run"),
    "inspect-heads": ("inspect-heads", "--chars", "40", "--run"),
    "inspect-logits": ("inspect-logits", "The owl", "--run"),
    "inspect-training": ("inspect-training", "--text", "The owl", "--run"),
    "report": ("report",),
}
TITLES = {
    "inspect-attention": "All 6 heads",
    "inspect-heads": "What each head attends to",
    "inspect-logits": "What each layer would predict",
    "inspect-training": "Attention over training",
    "report": "verse",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_figure_takes_the_place_of_what_is_printed(
    attn: Attn, trained: Trained, tmp_path: Path, command: str
) -> None:
    files = ("--svg", "f.svg", "--png", "f.png", "--pdf", "f.pdf")
    done = attn(*COMMANDS[command], trained.run.path, *files)
    assert (done.code, done.out.split()) == (0, ["f.svg", "f.png", "f.pdf"]), done.err
    assert "arning" not in done.err
    svg = (tmp_path / "f.svg").read_bytes()
    assert TITLES[command] in texts_of(svg)
    assert str(tmp_path.parent).encode() not in svg  # a figure is shared
    assert size_of(svg) == (960, 540)
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "f.pdf").read_bytes().startswith(b"%PDF")
    assert not (tmp_path / "report.html").exists()

    other = attn(
        *COMMANDS[command], trained.run.path, "--svg", "f.svg", "--size", "column",
        "--theme", "dark", "--json",
    )  # fmt: skip
    assert isinstance(other.json, dict)
    again = (tmp_path / "f.svg").read_bytes()
    assert size_of(again)[0] == pytest.approx(3.3 * 72)
    assert b"#14181c" in again


def test_a_text_by_surprisal(attn: Attn, trained: Trained, tmp_path: Path) -> None:
    done = attn("evaluate", "--per-char", "--run", trained.run.path, "--svg", "f.svg")
    assert "loss " in done.out
    assert "position\t" not in done.out
    assert "figure: f.svg" in done.err
    assert "Surprisal of each character" in texts_of((tmp_path / "f.svg").read_bytes())
    both = attn("evaluate", "--per-char", "--run", trained.run.path, "--svg", "f.svg", "--json")
    assert len(both.json["per_char"]["characters"]) == both.json["chars"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--svg", "f.png"), "as in: --png f.png"),
        (("--png", "f"), "as in: figure.png"),
        (("--pdf", "f.gif"), "ends in .pdf"),
        (("--svg", "no/f.svg"), "there is no folder no"),
        (("--svg", "folder.svg"), "folder.svg is a folder"),
        (("--svg", ""), "a path is empty"),
        (("--theme", "dark"), "--theme is of a figure, and none is asked for"),
        (("--size", "slide"), "--size is of a figure"),
        (("--size", "poster", "--svg", "f.svg"), "'slide', 'column'"),
    ],
)
def test_wrong_files_are_refused_before_the_work(
    attn: Attn, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    (tmp_path / "folder.svg").mkdir()
    done = attn("inspect-attention", "The owl", "--run", "nowhere", *options)
    assert (done.code, done.out) == (2, "")
    attempts = [
        attn(*command[:-1], *options) if command[-1] == "--run" else attn(*command, *options)
        for command in COMMANDS.values()
    ]
    assert [(each.code, words in each.err) for each in attempts] == [(2, True)] * len(COMMANDS)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.svg"]


def test_what_has_no_figure_says_what_has(attn: Attn, trained: Trained) -> None:
    refused(attn("evaluate", "--svg", "f.svg", "--run", trained.run.path), "add --per-char")
    refused(attn("evaluate", "--figure", "f.svg"), "did you mean --svg?")
    refused(attn("compare", "verse", "--plot", "f.svg"), "did you mean --svg?")


@pytest.mark.parametrize("text", ["T", "\n", "The\nowl", "T" * 16])
def test_any_text_has_a_figure(attn: Attn, trained: Trained, text: str) -> None:
    for command in ("inspect-attention", "inspect-logits"):
        for size in ("slide", "column"):
            options = ("--run", trained.run.path, "--png", "f.png", "--size", size)
            done = attn(command, text, *options)
            assert (done.code, done.err) == (0, "")


def test_a_character_without_a_glyph_is_drawn_without_a_word(
    trained_alphabet: Path, tmp_path: Path
) -> None:
    """In a process of its own: matplotlib says some things once."""
    for option in ("--png", "--svg", "--pdf"):
        done = subprocess.run(
            [
                sys.executable, "-m", "attn_cli", "inspect-attention", "\U0001fbff北\ue000",
                "--run", trained_alphabet, option, tmp_path / f"f.{option[2:]}",
            ],
            capture_output=True, check=True, text=True,
        )  # fmt: skip
        assert done.stderr == ""


@pytest.fixture(scope="session")
def trained_alphabet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose text has characters that no font has."""
    folder = tmp_path_factory.mktemp("alphabet")
    (folder / "text.txt").write_text("\U0001fbff北\ue000京 a\n" * 200, encoding="utf-8")
    settings = ("data.tokenizer=corpus", "train.steps=1")
    return train_in(folder / "run", folder / "text.txt", *settings).run.path


def test_a_report_of_several_runs_has_no_figure(
    attn: Attn, trained: Trained, tmp_path: Path
) -> None:
    copy_group(trained.run, tmp_path / "runs" / "group", {1: 1.5, 2: 1.6})
    done = attn("report", "group", "--svg", "f.svg")
    refused(done, "the curves of one run", "attn compare runs/group/seed-1 runs/group/seed-2")
