"""`attn data`: the built-in texts, and those that can be fetched."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from attn_cli.cli.options import JsonOption
from attn_cli.cli.terminal import console, result, result_json

data_app = typer.Typer(
    help="The texts that have a name, and how to get more.", no_args_is_help=True
)

_ABOUT = {
    "tales": "very short animal fables, written by this project's own grammar",
    "python-docs": "the reference of the Python language, out of Python's own pydoc",
    "unicode-names": "the names of the characters in Unicode, one a line",
    "shakespeare": "tiny Shakespeare, the field's standard text",
    "names": "32,033 first names, one a line",
}


@data_app.command("list")
def list_texts(as_json: JsonOption = False) -> None:
    """List the texts that have a name."""
    from rich.table import Table

    from attn_cli.text.builtin import BUILTIN_NAMES, DOWNLOADS, download_path

    missing = {name for name in DOWNLOADS if not download_path(name).is_file()}
    if as_json:
        result_json({name: {"about": _ABOUT[name], "here": name not in missing} for name in _ABOUT})
        return
    table = Table(box=None, pad_edge=False)
    for column in ("text", "what it is", ""):
        table.add_column(column)
    for name in BUILTIN_NAMES:
        table.add_row(name, _ABOUT[name], f"attn data fetch {name}" if name in missing else "")
    console().print(table)


@data_app.command("fetch")
def fetch_text(
    name: Annotated[str, typer.Argument(metavar="NAME", help="shakespeare or names.")],
    url: Annotated[
        str | None, typer.Option("--url", help="A mirror; the checksum decides all the same.")
    ] = None,
) -> None:
    """Download a well-known text once, and check it to the byte."""
    from tqdm import tqdm

    from attn_cli.text.fetch import fetch

    hidden = not sys.stderr.isatty()
    with tqdm(unit="B", unit_scale=True, desc=name, disable=hidden, leave=False) as bar:

        def progress(received: int, expected: int) -> None:
            bar.total = expected
            bar.update(received - bar.n)

        path = fetch(name, url, progress)
    result(f"{path}\nnext: attn train {name}")
