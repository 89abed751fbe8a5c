"""Arguments and options that several commands share, and which of them exclude each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attn_cli.errors import InputError

TextArgument = Annotated[str, typer.Argument(metavar="TEXT", help="The text to run the model on.")]
OptionalTextArgument = Annotated[
    str | None,
    typer.Argument(metavar="[TEXT]", help='The text to run the model on; "Hello" when left out.'),
]
FileArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[FILE]", help="A text; the model's own validation split when left out."
    ),
]
PageOption = Annotated[
    Path | None,
    typer.Option("--html", help="Write a page that shows all of it, and runs the model itself."),
]
RunOption = Annotated[
    Path | None,
    typer.Option("--run", help="A run's folder or name; the newest run when left out."),
]
ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config", metavar="FILE|NAME", help="A YAML file, or a name from `attn configs`."
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON object on standard output.")
]
LayerOption = Annotated[int | None, typer.Option(min=1, help="One layer, from 1.")]
HeadOption = Annotated[int | None, typer.Option(min=1, help="One head of a layer, from 1.")]


def require_exclusive(hint: str, **options: object) -> None:
    """Checks that at most one of some options was given; `no_x=...` stands for `--no-x`.

    Raises:
        InputError: Two of them were given.
    """
    given = [name for name, value in options.items() if value not in (None, False)]
    if len(given) > 1:
        one, other = (f"--{name.replace('_', '-')}" for name in given[:2])
        raise InputError(f"{one} and {other} exclude each other", hint)
