"""`attn generate --interactive` at a real pseudo-terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.terminal import DEADLINE, Terminal
from tests.conftest import Outcome, Trained

Attn = Callable[..., Outcome]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")

UP = "\x1b[A"


class Session(Terminal):
    """An interactive session that has shown its first prompt."""

    def __init__(self, run: Path, folder: Path, *options: str) -> None:
        play = ("generate", "--interactive", "--run", str(run))
        drawn = ("--seed", "5", "--temperature", "0", *options)
        super().__init__(folder, *play, *drawn, ATTN_HISTORY=str(folder / "history"))
        self.until("> ")

    def ask(self, line: str) -> str:
        """Types a line; what is shown until the next prompt, without the line itself."""
        self.type(line + "\n")
        self.until("\n")
        return self.until("> ")


@pytest.fixture
def terminal(trained: Trained, tmp_path: Path) -> Iterator[Session]:
    session = Session(trained.run.path, tmp_path, "--max-new-chars", "8")
    yield session
    session.close()


def test_a_prompt_is_continued_and_enter_writes_on(terminal: Session) -> None:
    first = terminal.ask("The fox")
    assert first.startswith("The fox met the\n(seed 5, ")
    assert terminal.ask("").startswith("The fox met the owl. Th")


def test_back_undoes_and_regenerate_draws_again(terminal: Session) -> None:
    terminal.ask("The fox")
    terminal.ask("They sat")
    assert terminal.ask("/back") == "The fox met the\n"
    assert "at the beginning" in terminal.ask("/back")
    assert "nothing to undo" in terminal.ask("/back")
    terminal.ask("/temperature 50")
    first, again = terminal.ask("The"), terminal.ask("/regenerate")
    assert first.startswith("The")
    assert again.startswith("The")
    assert first.partition("(seed")[0] != again.partition("(seed")[0]


def test_controls_change_what_is_written(terminal: Session) -> None:
    terminal.ask("/max-new-chars 3")
    assert terminal.ask("The fox").startswith("The fox me\n")
    terminal.ask("/max-new-chars")
    assert terminal.ask("The fox").startswith("The fox met the\n")
    terminal.ask("/top-k 3")
    told = terminal.ask("/settings")
    assert "/top-k 3\n" in told
    assert "/temperature 0\n" in told
    assert "/seed 7\n" in told


def test_add_puts_text_at_the_end(terminal: Session) -> None:
    terminal.ask("The fox")
    assert terminal.ask("/add  owl. Th").startswith("The fox met the owl. Th")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/temprature 1", "there is no /temprature"),
        ("/temperature warm", "needs a number, not 'warm'"),
        ("/top-p 2", "/top-p 2 is"),
        ("/max-new-chars 0", "/max-new-chars 0 is below 1"),
        ("/seed -1", "/seed -1 is"),
        ("/regenerate", "nothing was generated yet"),
        ("/save x", "nothing was generated yet"),
        ("é", "'é' at position 1"),
    ],
)
def test_a_wrong_line_is_told_and_the_session_continues(
    terminal: Session, line: str, said: str
) -> None:
    assert said in terminal.ask(line)
    assert terminal.ask("The fox").startswith("The fox met the\n")


def test_save_writes_a_new_file_and_never_over_one(terminal: Session, tmp_path: Path) -> None:
    terminal.ask("The fox")
    (tmp_path / "mine.txt").write_text("precious")
    assert "is there already" in terminal.ask("/save mine.txt")
    assert (tmp_path / "mine.txt").read_text() == "precious"
    assert "saved 15 characters" in terminal.ask("/save other.txt")
    assert (tmp_path / "other.txt").read_text() == "The fox met the\n"
    assert "the system refused" in terminal.ask("/save no/such/folder.txt")


def test_help_tells_of_every_command(terminal: Session) -> None:
    told = terminal.ask("/help")
    for command in ("/add", "/regenerate", "/back", "/save", "/seed", "/temperature", "/top-k",
                    "/top-p", "/min-p", "/typical-p", "/repetition-penalty", "/repetition-window",
                    "/max-new-chars", "/settings", "/quit"):  # fmt: skip
        assert command in told


def test_ctrl_c_forgets_the_line_that_was_being_typed(terminal: Session) -> None:
    terminal.type("They sat")
    terminal.until("They sat")
    terminal.interrupt("> ")
    assert terminal.ask("The fox").startswith("The fox met the\n(seed 5")


def test_ctrl_c_ends_a_long_text_and_keeps_what_is_there(terminal: Session) -> None:
    terminal.ask("/max-new-chars 100000000")
    terminal.type("The fox\n")
    terminal.until("The fox met the owl.")
    terminal.type("\x03")
    terminal.until("(seed 5")
    terminal.until("> ")
    terminal.ask("/max-new-chars 8")
    assert terminal.ask("").startswith("The fox met the owl.")


@pytest.mark.parametrize("leave", ["/quit\n", "\x04"])
def test_quit_and_the_end_of_input_leave(terminal: Session, leave: str) -> None:
    terminal.type(leave)
    assert terminal.code() == 0


def test_lines_are_remembered_between_sessions(trained: Trained, tmp_path: Path) -> None:
    first = Session(trained.run.path, tmp_path, "--max-new-chars", "8")
    first.ask("The fox")
    first.type("/quit\n")
    assert first.code() == 0
    first.close()
    second = Session(trained.run.path, tmp_path, "--max-new-chars", "8")
    second.type(UP + UP + "\n")  # over "/quit" to the prompt before it
    assert "The fox met the" in second.until("(seed 5")
    second.close()


def piped(trained: Trained, lines: bytes, *options: str) -> tuple[str, str]:
    """A session whose lines come from a pipe; its standard output and its standard error."""
    command = [sys.executable, "-m", "attn_cli", "generate", "--interactive", "--temperature", "0",
               "--max-new-chars", "8", "--run", str(trained.run.path), *options]  # fmt: skip
    # As where the locale is a language's: Python is lenient in that of C alone.
    environment = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(command, input=lines, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode(), done.stderr.decode()


def test_lines_may_come_from_a_pipe(trained: Trained) -> None:
    out, err = piped(trained, b"The fox\n/settings\n")
    assert out == "The fox met the\n"
    assert "/temperature 0\n" in err


def test_a_session_draws_what_the_command_draws(trained: Trained, attn: Attn) -> None:
    """The first with its seed, the next with the next one."""
    hot = ("--seed", "7", "--temperature", "2")
    out, _ = piped(trained, b"The fox\nThe\n", *hot)
    at = ("--run", trained.run.path, "--max-new-chars", "8", "--temperature", "2")
    alone = [
        attn("generate", "The fox", *at, "--seed", "7"),
        attn("generate", "The", *at, "--seed", "8"),
    ]
    assert out == "".join(outcome.out for outcome in alone)


def test_a_prompt_on_the_command_line_is_continued_at_once(trained: Trained) -> None:
    out, _ = piped(trained, b"/add  owl\n", "The fox")
    assert out.startswith("The fox met the\nThe fox met the owl")


def test_whole_numbers_are_shown_with_all_their_digits(trained: Trained) -> None:
    _, err = piped(trained, b"/seed 123456789\n/max-new-chars 1234567\n/settings\n")
    assert "/seed 123456789\n" in err
    assert "/max-new-chars 1234567\n" in err


@pytest.mark.parametrize("line", [b"The \xff", b"/save a\0b", b"/save ~nobody-of-this-name/a"])
def test_what_no_text_and_no_file_can_be_is_told(trained: Trained, line: bytes) -> None:
    out, err = piped(trained, b"The fox\n" + line + b"\nThe fox\n")
    assert out == "The fox met the\n" * 2
    assert "unexpected" not in err
    assert "outside the printable vocabulary" in err or "cannot be the name of a file" in err


def test_a_reader_that_left_ends_the_session(trained: Trained) -> None:
    command = [sys.executable, "-m", "attn_cli", "generate", "--interactive",
               "--run", str(trained.run.path)]  # fmt: skip
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(b"The fox\n" * 3)
    assert len(err.splitlines()) == 1  # the greeting
    # As for a text: not all was written.
    assert process.returncode == 1


def test_texts_may_go_to_a_file(trained: Trained, tmp_path: Path) -> None:
    """Which then has no prompts in it."""
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "attn_cli", "generate", "--interactive", "--temperature", "0",
               "--max-new-chars", "8", "--run", str(trained.run.path)]  # fmt: skip
    with (tmp_path / "texts").open("wb") as file:
        process = subprocess.Popen(command, stdin=theirs, stdout=file, stderr=subprocess.DEVNULL)
    os.close(theirs)
    os.write(ours, b"The fox\n/quit\n")
    assert process.wait(timeout=DEADLINE) == 0
    os.close(ours)
    assert (tmp_path / "texts").read_text() == "The fox met the\n"
