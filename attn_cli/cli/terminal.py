"""What goes to which stream: results to standard output, notices to standard error."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from attn_cli.cli.working import above_working, end_working
from attn_cli.text.display import escape_control_characters

if TYPE_CHECKING:
    from rich.console import Console


def result(text: str = "") -> None:
    """A line of the command's result."""
    with above_working():
        print(escape_control_characters(text))


def notice(text: str) -> None:
    """A line of progress or warning on standard error; dropped if that is closed."""
    with contextlib.suppress(OSError), above_working():
        print(escape_control_characters(text), file=sys.stderr, flush=True)


def result_json(value: Mapping[str, Any]) -> None:
    """The one JSON object of `--json`."""
    print(json.dumps(value, ensure_ascii=True, allow_nan=False))


def console() -> Console:
    """For tables; knows the terminal's width, and that NO_COLOR or a pipe wants no colour.

    What a command shows while it computes is gone from then on.
    """
    from rich.console import Console

    end_working()

    # A pipe has no width; a table that is cut there would lose what a program reads.
    width = None if sys.stdout.isatty() else 120
    return Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)


def sanitize(text: str, stream: TextIO) -> str:
    """The text with control characters escaped, if the stream is a terminal.

    A pipe or a file gets it unchanged.
    """
    return escape_control_characters(text) if stream.isatty() else text
