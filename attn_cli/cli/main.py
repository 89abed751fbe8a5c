"""The `attn` command: its subcommands, and what happens when one of them fails."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from attn_cli import __version__
from attn_cli.cli import shell_completion
from attn_cli.cli.check import check
from attn_cli.cli.classify import classify
from attn_cli.cli.compare import compare
from attn_cli.cli.configs import configs
from attn_cli.cli.data import data_app
from attn_cli.cli.doctor import doctor
from attn_cli.cli.embed import embed
from attn_cli.cli.evaluate import evaluate
from attn_cli.cli.explain import explain
from attn_cli.cli.export import export
from attn_cli.cli.fill import fill
from attn_cli.cli.flags import with_flags
from attn_cli.cli.generate import generate
from attn_cli.cli.help import Command, CommandGroup
from attn_cli.cli.import_folder import import_
from attn_cli.cli.inspect_attention import inspect_attention
from attn_cli.cli.inspect_heads import inspect_heads
from attn_cli.cli.inspect_logits import inspect_logits
from attn_cli.cli.inspect_shapes import inspect_shapes
from attn_cli.cli.inspect_training import inspect_training
from attn_cli.cli.report import report
from attn_cli.cli.runs import runs
from attn_cli.cli.sweep import sweep
from attn_cli.cli.terminal import notice
from attn_cli.cli.train import TrainCommand, train
from attn_cli.cli.unknown_option import hint_for_unknown_option
from attn_cli.errors import AttnError
from attn_cli.text.display import escape_control_characters

# As near to the user's Enter as a program gets to see; `--minutes` counts from here.
STARTED = time.monotonic()

COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Train": {"train": train, "check": check, "sweep": sweep},
    "Use": {
        "generate": generate,
        "fill": fill,
        "classify": classify,
        "embed": embed,
        "evaluate": evaluate,
    },
    "Look inside": {
        "explain": explain,
        "inspect-attention": inspect_attention,
        "inspect-heads": inspect_heads,
        "inspect-logits": inspect_logits,
        "inspect-shapes": inspect_shapes,
        "inspect-training": inspect_training,
    },
    "Compare": {"runs": runs, "compare": compare, "report": report},
    "Files": {"configs": configs, "export": export, "import": import_, "doctor": doctor},
}
HELP = """Train a tiny transformer in a minute, and see what happens inside it.

Examples:
  attn train
  attn generate "The owl"
  attn inspect-attention "The owl met the fox"
"""

app = typer.Typer(
    name="attn",
    cls=CommandGroup,
    help=HELP,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    no_args_is_help=True,
)
for heading, commands in COMMANDS.items():
    for name, command in commands.items():
        kind = TrainCommand if command in (train, sweep) else Command
        app.command(name, cls=kind, rich_help_panel=heading)(command)
app.add_typer(data_app, name="data", cls=CommandGroup, rich_help_panel="Files")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"attn {__version__}")
        raise typer.Exit


@app.callback()
def attn(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    context.obj = STARTED


def main() -> None:
    """Runs `attn` and leaves with its exit code: 0, 1, 2, or 128 and the signal that ended it."""
    if shell_completion.VARIABLE in os.environ:
        shell_completion.answer_shell(app)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started it
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # A file or a pipe is UTF-8 on every system. A terminal that cannot show a character
        # shows its code, instead of ending the program.
        encoding = None if stream.isatty() else "utf-8"
        stream.reconfigure(encoding=encoding, errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = app(prog_name="attn", standalone_mode=False) or 0
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough. The interpreter's own flush must not complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        if os.environ.get("ATTN_DEBUG"):
            raise
        code = _report(error)
    except KeyboardInterrupt:
        notice("")
        code = 130
    sys.exit(code)


def _report(error: Exception) -> int:
    """Says in one or two lines what went wrong; returns the exit code."""
    hint: str | None = None
    if isinstance(error, AttnError):
        message, code = f"attn: {with_flags(error.message)}", error.exit_code
        hint = error.hint and with_flags(error.hint)
    elif isinstance(error, typer.TyperException):
        message, code = error.format_message(), error.exit_code
        # `attn` alone: what Typer raises then is the help itself.
        if not message.startswith("Usage:"):
            message, hint = _usage_error(error)
    elif isinstance(error, OSError):
        what = f" {error.filename}" if error.filename else ""
        message, code = f"attn: the system refused{what}: {error.strerror or error}", 1
    elif (asked := _requested_memory(error)) is not None:
        message, code = f"attn: out of memory: {asked} asked for", 1
        hint = "use a smaller model, a shorter text or fewer samples"
    else:
        first_line = str(error).partition("\n")[0]
        message, code = f"attn: unexpected {type(error).__name__}: {first_line}", 1
        hint = "this is a defect of attn; ATTN_DEBUG=1 shows where it happened"
    notice(escape_control_characters(message))
    if hint:
        notice(escape_control_characters(f"  {hint}"))
    return code


def _usage_error(error: typer.TyperException) -> tuple[str, str]:
    """What is wrong with a command line that cannot be read, and what to do about it."""
    option, context = getattr(error, "option_name", None), getattr(error, "ctx", None)
    path = "attn" if context is None else context.command_path
    if option is None or context is None:
        return f"attn: {error.format_message()}", f"see: {path} --help"
    hint = hint_for_unknown_option(option, context.command, path, sys.argv[1:])
    return f"attn: {error.message}", hint  # without Typer's own guesses


def _requested_memory(error: Exception) -> str | None:
    """How much memory was asked for in vain, where that is the error."""
    from attn_cli.model.memory_limits import requested_memory

    return requested_memory(error)
