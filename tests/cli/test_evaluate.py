"""`attn evaluate --per-char`: the surprisal of each character, for people and for programs."""

import contextlib
import csv
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.cli.surprisal import write_coloured, write_table
from attn_cli.objectives.evaluation import PerTokenLosses
from attn_cli.runs.checkpoint import read_checkpoint
from attn_cli.text.tokenizer import Tokenizer, bytes_tokenizer, printable_tokenizer
from tests.conftest import VERSE, Outcome, Trained, train_in

Attn = Callable[..., Outcome]

TEXT = VERSE + 'He said:\t"C:\\new"\n\fThe\x0bend.\n'


def rows(table: str) -> list[dict[str, str]]:
    """As a spreadsheet reads it: quotes in a field would be the end of it."""
    return list(csv.DictReader(table.splitlines(), delimiter="\t"))


def test_a_program_gets_a_table(attn: Attn, trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text(TEXT)
    outcome = attn("evaluate", "mine.txt", "--per-char", "--run", trained.run.path)
    assert outcome.code == 0
    assert outcome.out.startswith("position\tcharacter\tbits\n1\th\t")
    table = rows(outcome.out)
    assert [row["position"] for row in table] == [str(place) for place in range(1, len(TEXT))]
    assert [json.loads(f'"{row["character"]}"') for row in table] == list(TEXT[1:])
    checkpoint = read_checkpoint(trained.run.best_or_latest())
    losses = PerTokenLosses(checkpoint.load_model(), checkpoint.tokenizer.encode(TEXT))
    expected = np.concatenate(list(losses)) / math.log(2)
    np.testing.assert_allclose([float(row["bits"]) for row in table], expected, atol=1e-4)
    # What it comes to is for people, and not in the way of the program.
    assert f"{losses.evaluation().bits_per_char:.4f} bits per character" in outcome.err


def test_what_was_certain_has_no_bits(capsys: pytest.CaptureFixture[str]) -> None:
    """The loss of a character of probability 1 is -0.0, which would print as -0.0000."""
    predicted, losses = np.array([False, True]), [np.array([-0.0], dtype=np.float32)]
    write_table(printable_tokenizer(), np.array([10, 11]), predicted, losses)
    assert capsys.readouterr().out.endswith("1\tb\t0.0000\n")


@pytest.mark.parametrize("kind", ["trained", "trained_encoder"])
def test_json_has_two_lists(
    attn: Attn, request: pytest.FixtureRequest, kind: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text(TEXT)
    at = ("--run", request.getfixturevalue(kind).run.path, "--json")
    result = attn("evaluate", "mine.txt", "--per-char", *at).json
    lists = result.pop("per_char")
    assert result == attn("evaluate", "mine.txt", *at).json
    # An encoder predicts the first character too, and leaves out the last.
    assert lists["characters"] == list(TEXT[1:] if kind == "trained" else TEXT[:-1])
    assert len(lists["surprisal_bits"]) == result["chars"]
    mean = sum(lists["surprisal_bits"]) / result["chars"]
    assert mean == pytest.approx(result["bits_per_char"], abs=1e-4)


def test_the_validation_split_and_standard_input(attn: Attn, trained: Trained) -> None:
    at = ("--per-char", "--run", trained.run.path)
    validation = attn("evaluate", *at, "--json").json
    assert validation["loss"] == pytest.approx(trained.result.val_loss, abs=1e-6)
    text = (VERSE * 30)[int(len(VERSE) * 30 * 0.9) :]
    assert "".join(validation["per_char"]["characters"]) == text[1:]
    assert len(rows(attn("evaluate", *at).out)) == len(text) - 1
    piped = attn("evaluate", "-", *at, "--json", stdin=text.encode()).json
    assert piped["per_char"] == validation["per_char"]


def test_a_loss_is_told_beside_baselines(attn: Attn, trained: Trained, tmp_path: Path) -> None:
    at = ("--run", trained.run.path)
    lines = attn("evaluate", *at).out.splitlines()
    assert lines[-3].startswith("beside it: single characters 3.")
    assert lines[-2].startswith("better than ")
    assert lines[-1].startswith("train ")
    baselines = attn("evaluate", *at, "--json").json["baselines"]
    assert list(baselines) == [
        "single_characters", "five_gram", "xz", "ppmd", "chars", "train_chars",
    ]  # fmt: skip
    assert 0 < baselines["xz"] < baselines["five_gram"] < baselines["single_characters"] < 5
    # Of another text, given the training text; its own training loss says nothing of it.
    (tmp_path / "other.txt").write_text("zyx" * 50)
    lines = attn("evaluate", "other.txt", *at).out.splitlines()
    assert lines[-1].startswith("worse than the frequencies of single characters")


def test_without_the_training_text_there_are_no_baselines(
    attn: Attn, tmp_path: Path, verse_file: Path
) -> None:
    (tmp_path / "mine.txt").write_text(VERSE * 30)
    run = train_in(tmp_path / "run", tmp_path / "mine.txt", "train.steps=2").run
    (tmp_path / "mine.txt").unlink()
    outcome = attn("evaluate", verse_file, "--run", run.path)
    assert outcome.code == 0
    assert "bits per character" in outcome.out
    assert "beside it" not in outcome.out
    assert "without baselines, which need the training text: " in outcome.err
    assert attn("evaluate", verse_file, "--run", run.path, "--json").json["baselines"] is None


def test_a_bytes_model_is_surprised_by_bytes(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("Ça déjà été écrit à Zürich. " * 60, encoding="utf-8")
    options = ("--config", "lesson", "--steps", "3", "--set", "data.tokenizer=bytes")
    assert attn("train", "mine.txt", *options).code == 0
    outcome = attn("evaluate", "-", "--per-char", stdin="à\n".encode())
    assert [row["byte"] for row in rows(outcome.out)] == [r"\xa0", r"\n"]
    assert "bits per byte" in outcome.err
    result = attn("evaluate", "-", "--per-char", "--json", stdin="à\n".encode()).json
    assert result["per_char"]["characters"] == [r"\xa0", "\n"]


def coloured(
    tokenizer: Tokenizer, ids: list[int], bits: list[float], capsys: pytest.CaptureFixture[str]
) -> list[tuple[str, str | None]]:
    """What is drawn above the legend, in pieces of a text and its background."""
    # In arrays of two, as it comes in arrays of thousands.
    nats = np.array(bits, dtype=np.float32) * np.float32(math.log(2))
    losses = [nats[first : first + 2] for first in range(0, len(nats), 2)]
    predicted = np.arange(len(ids)) > 0
    write_coloured(tokenizer, np.array(ids, dtype=np.uint8), predicted, losses)
    text = capsys.readouterr().out.rpartition("surprisal")[0]
    pieces = re.findall(r"\x1b\[30;48;5;(\d+)m([^\x1b]*)\x1b\[0m|([^\x1b]+)", text)
    return [(styled or plain, colour or None) for colour, styled, plain in pieces]


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.mark.usefixtures("colours")
def test_the_more_bits_the_warmer(capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer = printable_tokenizer()
    bits = [0.0, 0.9, 1.1, 1.9, 2.1, 3.9, 4.1, 7.9, 8.1, 40.0]
    assert coloured(tokenizer, tokenizer.encode("abcdefghijk").tolist(), bits, capsys) == [
        ("abc", None), ("de", "229"), ("fg", "220"), ("hi", "208"), ("jk", "196"), ("\n\n", None),
    ]  # fmt: skip


@pytest.mark.usefixtures("colours")
def test_what_has_no_width_is_seen_too(capsys: pytest.CaptureFixture[str]) -> None:
    """And what would move the cursor is written out."""
    ids = printable_tokenizer().encode("a\n\n\tb\f\x0b\n").tolist()
    assert coloured(printable_tokenizer(), ids, [0, 3, 3, 0, 3, 9, 0], capsys) == [
        ("a\n", None), (" ", "220"), ("\n", None), (" ", "220"), ("\tb", None),
        (" ", "220"), ("\n", None), (r"\x0b", "196"), ("\n\n", None),
    ]  # fmt: skip


@pytest.mark.usefixtures("colours")
@pytest.mark.parametrize(
    ("text", "bits", "expected"),
    [
        # Neither byte is surprising; the character is. Its bytes come in two arrays.
        ("a中b".encode(), [0.5, 0.5, 1.5, 0], [("a", None), ("中", "220"), ("b", None)]),
        # What begins with half a prediction has none.
        ("éb".encode(), [9, 1.5], [("é", None), ("b", "229")]),
        # The end of a character that is cut, and the beginning of one.
        (b"\xa9b\xa9\xc3", [0, 3, 9], [(r"\xa9b", None), (r"\xa9", "220"), (r"\xc3", "196")]),
    ],
    ids=["whole", "first", "cut"],
)
def test_the_bytes_of_a_character_are_one(
    text: bytes,
    bits: list[float],
    expected: list[tuple[str, str | None]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    drawn = coloured(bytes_tokenizer(), list(text), bits, capsys)
    end = ("\n\n", None)
    if expected[-1][1] is None:
        expected, end = expected[:-1], (expected[-1][0] + "\n\n", None)
    assert drawn == [*expected, end]


def on_a_terminal(arguments: list[str | Path], **environment: str) -> str:
    """What `attn` shows on a pseudo-terminal of 256 colours, with LF at the end of lines."""
    import pty

    ours, theirs = pty.openpty()
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NO_COLOR", "FORCE_COLOR", "COLORTERM")
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "attn_cli", *map(str, arguments)],
        stdout=theirs,
        env={**inherited, "TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    shown = b""
    # Reading a pseudo-terminal that nobody holds open any more is an error on Linux, and empty
    # elsewhere.
    with contextlib.suppress(OSError):
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_terminal_sees_the_text_in_colours(trained: Trained, tmp_path: Path) -> None:
    # Wider than the terminal, and than what is drawn together: not broken, cut or stripped.
    text = VERSE + "The owl   met the fox.  " * 40 + "Q!\nThe fox.\n"
    (tmp_path / "mine.txt").write_text(text)
    arguments: list[Any] = ["evaluate", tmp_path / "mine.txt", "--per-char"]
    arguments += ["--run", trained.run.path]
    shown = on_a_terminal(arguments)
    assert "\x1b[30;48;5;196mQ\x1b[0m" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    drawn, legend, summary = plain.partition(
        "\nsurprisal   below 1  1 to 2   2 to 4   4 to 8   8 or more  bits\n"
    )
    assert legend
    assert drawn.replace(" \n", "\n") == text  # a blank shows how surprising a newline was
    assert "bits per character\n" in summary


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("without", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_without_colours_there_are_numbers(
    without: dict[str, str], trained: Trained, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text(TEXT)
    arguments = ["evaluate", tmp_path / "mine.txt", "--per-char", "--run", trained.run.path]
    shown = on_a_terminal(arguments, **without)
    assert "\x1b" not in shown
    assert len(rows(shown)) == len(TEXT) - 1


def test_a_reader_that_leaves_ends_it_quietly(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text(VERSE * 300)
    command = [sys.executable, "-m", "attn_cli", "evaluate", str(tmp_path / "mine.txt"),
               "--per-char", "--run", str(trained.run.path)]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == b"position\tcharacter\tbits\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 1
