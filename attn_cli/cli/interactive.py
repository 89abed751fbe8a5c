"""`attn generate --interactive`: type a text, read its continuation, change a setting, again."""

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

from attn_cli.cli.flags import name_arguments
from attn_cli.cli.terminal import notice, sanitize
from attn_cli.errors import AttnError, InputError

if TYPE_CHECKING:
    from attn_cli.generation.config import GenerationConfig
    from attn_cli.generation.text_generator import TextGenerator

_HELP = """\
a line         a new text: the model continues it
Enter alone    continues the text; of a run with --lines, another line that begins so
/add TEXT      appends TEXT, and continues
/regenerate    the last continuation again, with another seed
/back          undoes the last continuation
/save FILE     writes the text to a new file
/seed N        samples with this seed from now on
/temperature X   /top-k K   /top-p P   /min-p P   /typical-p P
/repetition-penalty X   /repetition-window N   /max-new-chars N
               a setting; without a value, back to that of the command line
/settings      shows them
/quit          ends, as Ctrl-D does; Ctrl-C ends only the text that is being generated"""

_SETTINGS: dict[str, type[int] | type[float]] = {
    "max_new_chars": int,
    "temperature": float,
    "top_k": int,
    "top_p": float,
    "min_p": float,
    "typical_p": float,
    "repetition_penalty": float,
    "repetition_window": int,
}

# What the library calls an argument is a command here: `top_k` is /top-k.
_COMMANDS = {name: f"/{name.replace('_', '-')}" for name in (*_SETTINGS, "seed")}


@dataclasses.dataclass(frozen=True)
class _Turn:
    """One continuation: the text before it, and what the model generated."""

    before: str
    generated: str

    @property
    def text(self) -> str:
        return self.before + self.generated


class InteractiveSession:
    """A session at a terminal.

    Args:
        generator: The model.
        config: The settings at the beginning.
        seed: Of the first continuation; the second has the next one. None for a random seed.
        run: The run's folder, for the greeting.
    """

    def __init__(
        self, generator: TextGenerator, config: GenerationConfig, seed: int | None, run: Path
    ) -> None:
        self._generator = generator
        self._config = self._first_config = config
        self._seed = secrets.randbelow(2**31) if seed is None else seed
        self._run = run
        self._turns: list[_Turn] = []
        self._commands: dict[str, Callable[[str], None]] = {
            "help": lambda _: notice(_HELP),
            "add": lambda text: self._continue(self._text + text),
            "regenerate": lambda _: self._regenerate(),
            "back": lambda _: self._back(),
            "save": self._save,
            "seed": self._set_seed,
            "settings": lambda _: self._print_settings(),
            **{_option(name): functools.partial(self._set, name) for name in _SETTINGS},
        }

    def run(self, prompt: str) -> None:
        """Runs until /quit or the end of input; a prompt is continued at once."""
        # A line that is not UTF-8 is refused as a prompt is, and does not end the session.
        sys.stdin.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
        self._generator.constraints(self._config)  # an impossible one is refused at the beginning
        what = "line" if self._generator.lines else "text"
        notice(
            f"{self._run}. Type the beginning of a {what}; /help lists the commands, /quit ends."
        )
        if prompt:
            self._attempt(lambda: self._continue(prompt))
        with _History():
            while (line := self._line()) is not None and line.rstrip() != "/quit":
                self._attempt(functools.partial(self._answer, line))

    @property
    def _text(self) -> str:
        return self._turns[-1].text if self._turns else ""

    @property
    def _begun(self) -> str:
        """What Enter alone continues: the text so far; of a line, which has ended, its prompt."""
        if self._generator.lines and self._turns:
            return self._turns[-1].before
        return self._text

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
        """Runs an action; an error is printed, and the session continues."""
        try:
            action()
        except AttnError as error:
            notice(name_arguments(error.message, _COMMANDS))
            if error.hint:
                notice(f"  {name_arguments(error.hint, _COMMANDS)}")
        except BrokenPipeError:  # nobody reads any more
            raise
        except OSError as error:
            notice(f"the system refused {error.filename or ''}: {error.strerror}")
        except KeyboardInterrupt:  # nothing was being generated
            notice("")

    def _answer(self, line: str) -> None:
        if not line.startswith("/"):
            self._continue(line or self._begun)
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
        (stream,) = self._generator.stream([before], [self._seed], self._config)
        self._seed += 1
        generated: list[str] = []
        self._show(before)
        begin = time.perf_counter()
        # Ctrl-C ends a text that has become too long; what is there is kept.
        with contextlib.suppress(KeyboardInterrupt):
            for new_text in stream:
                generated.append(new_text)
                self._show(new_text)
        self._show("\n")
        self._turns.append(_Turn(before, "".join(generated)))
        seconds = time.perf_counter() - begin
        speed = len(self._turns[-1].generated) / seconds
        notice(f"(seed {stream.seed}, {speed:,.0f} characters a second)")

    def _regenerate(self) -> None:
        if not self._turns:
            raise InputError("nothing was generated yet")
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
            raise InputError("nothing was generated yet")
        try:
            path = Path(name).expanduser()
            with path.open("x", encoding="utf-8") as file:
                file.write(self._text + "\n")
        except FileExistsError:
            raise InputError(f"{name} is there already", "give another name") from None
        except (RuntimeError, ValueError) as error:  # the ~ of nobody, a zero byte
            raise InputError(f"{name!r} cannot be the name of a file: {error}") from None
        notice(f"saved {len(self._text):,} characters to {path}")

    def _set_seed(self, value: str) -> None:
        from attn_cli.generation.sampling import check_seed

        seed = int(_number("seed", value, int))
        check_seed(seed)
        self._seed = seed

    def _set(self, name: str, value: str) -> None:
        setting = getattr(self._first_config, name)
        if value:
            setting = _number(_option(name), value, _SETTINGS[name])
        self._config = dataclasses.replace(self._config, **{name: setting})

    def _print_settings(self) -> None:
        settings = {name: getattr(self._config, name) for name in _SETTINGS}
        for name, value in {**settings, "seed": self._seed}.items():
            shown = f"{value:g}" if isinstance(value, float) else value  # an int with all digits
            notice(f"/{_option(name)} {'(none)' if value is None else shown}")

    @staticmethod
    def _show(text: str) -> None:
        sys.stdout.write(sanitize(text, sys.stdout))
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
