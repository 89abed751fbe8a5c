"""`attn generate --interactive`: type, read what the model makes of it, turn a knob, again."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from attn_cli.cli.terminal import harmless, notice
from attn_cli.errors import AttnError, InputError

if TYPE_CHECKING:
    from attn_cli.generation.wishes import Wishes
    from attn_cli.generation.writer import Writer

_HELP = """\
a line         a new text: the model continues it
Enter alone    writes on
/add TEXT      puts TEXT at the end, and writes on
/regenerate    the last continuation again, with another seed
/back          undoes the last step
/save FILE     writes the text to a new file
/seed N        draws from this seed from now on
/temperature X   /top-k K   /top-p P   /min-p P   /typical-p P
/repetition-penalty X   /repetition-window N   /max-new-chars N
               a control; without its value, back to none or to the beginning's
/controls      shows them
/quit          ends, as Ctrl-D does; Ctrl-C ends only what is being written"""

_CONTROLS = {
    "temperature": float,
    "top_k": int,
    "top_p": float,
    "min_p": float,
    "typical_p": float,
    "repetition_penalty": float,
    "repetition_window": int,
}


@dataclasses.dataclass(frozen=True)
class _Turn:
    """One step of the session: what was there, and what the model wrote after it."""

    before: str
    written: str

    @property
    def text(self) -> str:
        return self.before + self.written


class Play:
    """A session at a terminal.

    Args:
        writer: The model.
        wishes: How to write, to begin with.
        seed: Of the first continuation; the next has the next. None for any.
        run: The run's folder, to say which it is.
    """

    def __init__(self, writer: Writer, wishes: Wishes, seed: int | None, run: Path) -> None:
        self._writer = writer
        self._wishes = self._first_wishes = wishes
        self._seed = secrets.randbelow(2**31) if seed is None else seed
        self._run = run
        self._turns: list[_Turn] = []
        self._commands: dict[str, Callable[[str], None]] = {
            "help": lambda _: notice(_HELP),
            "add": lambda text: self._continue(self._text + text),
            "regenerate": lambda _: self._regenerate(),
            "back": lambda _: self._back(),
            "save": self._save,
            "seed": self._take_seed,
            "max-new-chars": self._take_length,
            "controls": lambda _: self._tell_controls(),
            **{_option(name): functools.partial(self._take_control, name) for name in _CONTROLS},
        }

    def run(self, prompt: str) -> None:
        """Plays until /quit or the end of input.

        Args:
            prompt: Continued at once, where there is one.
        """
        # A line that is not UTF-8 is refused as a prompt is, and does not end the session.
        sys.stdin.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
        self._writer.rules(self._wishes)  # what cannot be fulfilled is told before it begins
        notice(f"{self._run}. Type the beginning of a text; /help tells the rest, /quit ends.")
        if prompt:
            self._attempt(lambda: self._continue(prompt))
        with _History():
            while (line := self._line()) is not None and line.rstrip() != "/quit":
                self._attempt(functools.partial(self._answer, line))

    @property
    def _text(self) -> str:
        return self._turns[-1].text if self._turns else ""

    def _line(self) -> str | None:
        """What the user typed; None at the end of input."""
        while True:
            try:
                # The prompt goes to standard output, which may be a file for the texts.
                return input("> " if sys.stdin.isatty() and sys.stdout.isatty() else "")
            except EOFError:
                notice("")
                return None
            except KeyboardInterrupt:  # as in a shell: that line is not meant
                notice("")

    def _attempt(self, action: Callable[[], None]) -> None:
        """A wrong wish is told, and the session goes on."""
        try:
            action()
        except AttnError as error:
            notice(error.message)
            if error.hint:
                notice(f"  {error.hint}")
        except BrokenPipeError:  # nobody reads any more
            raise
        except OSError as error:
            notice(f"the system refused {error.filename or ''}: {error.strerror}")
        except KeyboardInterrupt:  # nothing was being written yet, or nothing more
            notice("")

    def _answer(self, line: str) -> None:
        if not line.startswith("/"):
            self._continue(line or self._text)
            return
        command, _, value = line[1:].partition(" ")
        if command not in self._commands:
            raise InputError(
                f"there is no /{command}",
                "/help lists the commands; a text that begins with / is for /add",
            )
        # A space at the end of a text counts; anywhere else it does not.
        self._commands[command](value if command == "add" else value.strip())

    def _continue(self, before: str) -> None:
        (writing,), steps = self._writer.begin([before], [self._seed], self._wishes)
        self._seed += 1
        pieces: list[str] = []
        self._show(before)
        begin = time.perf_counter()
        # Ctrl-C ends a text that has become too long; what is there is kept.
        with contextlib.suppress(KeyboardInterrupt):
            for _ in steps:
                pieces.append(writing.news())
                self._show(pieces[-1])
        self._show("\n")
        self._turns.append(_Turn(before, "".join(pieces)))
        seconds = time.perf_counter() - begin
        notice(f"(seed {writing.seed}, {len(self._turns[-1].written) / seconds:,.0f} a second)")

    def _regenerate(self) -> None:
        if not self._turns:
            raise InputError("nothing was written yet")
        self._continue(self._turns[-1].before)

    def _back(self) -> None:
        if not self._turns:
            raise InputError("nothing to undo")
        self._turns.pop()
        self._show(f"{self._text}\n" if self._turns else "")
        if not self._turns:
            notice("(at the beginning)")

    def _save(self, name: str) -> None:
        if not name:
            raise InputError("/save needs the name of a file")
        if not self._turns:
            raise InputError("nothing was written yet")
        try:
            path = Path(name).expanduser()
            with path.open("x", encoding="utf-8") as file:
                file.write(self._text + "\n")
        except FileExistsError:
            raise InputError(f"{name} is there already", "give another name") from None
        except (RuntimeError, ValueError) as error:  # the ~ of nobody, a zero byte
            raise InputError(f"{name!r} cannot be the name of a file: {error}") from None
        notice(f"saved {len(self._text):,} characters to {path}")

    def _take_seed(self, value: str) -> None:
        from attn_cli.generation.sampling import require_seed

        seed = int(_number("seed", value, int))
        require_seed(seed)
        self._seed = seed

    def _take_length(self, value: str) -> None:
        length = self._first_wishes.max_new
        if value:
            length = int(_number("max-new-chars", value, int))
        self._wishes = dataclasses.replace(self._wishes, max_new=length)

    def _take_control(self, name: str, value: str) -> None:
        number = getattr(self._first_wishes.controls, name)
        if value:
            number = _number(_option(name), value, _CONTROLS[name])
        controls = dataclasses.replace(self._wishes.controls, **{name: number})
        self._wishes = dataclasses.replace(self._wishes, controls=controls)

    def _tell_controls(self) -> None:
        controls = self._wishes.controls
        told = {"max-new-chars": self._wishes.max_new, "seed": self._seed}
        told |= {_option(name): getattr(controls, name) for name in _CONTROLS}
        for name, value in told.items():
            shown = f"{value:g}" if isinstance(value, float) else value  # an int with all digits
            notice(f"/{name} {'(none)' if value is None else shown}")

    @staticmethod
    def _show(text: str) -> None:
        sys.stdout.write(harmless(text, sys.stdout))
        sys.stdout.flush()


def _option(name: str) -> str:
    return name.replace("_", "-")


def _number(name: str, value: str, kind: type[int] | type[float]) -> float:
    try:
        return kind(value)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise InputError(f"/{name} needs {what}, not {value!r}") from None


class _History:
    """The lines typed before, with the arrow keys, where the system has readline."""

    LINES = 1000

    def __enter__(self) -> None:
        if not sys.stdin.isatty():
            return
        with contextlib.suppress(ImportError, OSError):
            import readline

            readline.set_history_length(self.LINES)
            readline.read_history_file(history_file())

    def __exit__(self, *_: object) -> None:
        if not sys.stdin.isatty():
            return
        with contextlib.suppress(ImportError, OSError):
            import readline

            history_file().parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(history_file())


def history_file() -> Path:
    """Where the lines are kept: `$ATTN_HISTORY`, or the system's own folder for such things."""
    import platformdirs

    chosen = os.environ.get("ATTN_HISTORY")
    return Path(chosen or platformdirs.user_state_path("attn", appauthor=False) / "history")
