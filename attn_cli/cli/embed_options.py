"""The options of `attn embed`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from attn_cli.cli.options import JsonOption, RunOption, path_option
from attn_cli.errors import InputError


@dataclass(frozen=True)
class EmbedOptions:
    """What `attn embed` was called with."""

    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A text, one row per line; a table; or a folder with one file per label; "
            "- for standard input.",
        ),
    ]
    run: RunOption = None
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=path_option,
            help="The file to write: .npz, .csv, .tsv or .parquet.",
        ),
    ] = None
    neighbours: Annotated[
        int, typer.Option(min=0, max=100, help="Print this many nearest lines beside each.")
    ] = 0
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            metavar="FILE",
            parser=path_option,
            help="Write a page with each text as a point, along principal components.",
        ),
    ] = None
    level: Annotated[
        Literal["text", "char"],
        typer.Option(help="A vector for each text, or for each of its characters."),
    ] = "text"
    layer: Annotated[
        int | None,
        typer.Option(
            min=0,
            show_default="after the final norm",
            help="After which layer; 0 for before the first.",
        ),
    ] = None
    pool: Annotated[
        Literal["mean", "last", "max"] | None,
        typer.Option(show_default="mean", help="How its characters' vectors become a text's."),
    ] = None
    column: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            show_default="the first",
            help="The column of a table, by its name or number.",
        ),
    ] = None
    label: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The column of a table that has the labels."),
    ] = None
    as_json: JsonOption = False

    @property
    def compares(self) -> bool:
        """Whether texts are held against one another, so that all vectors are needed at once."""
        return self.html is not None or self.neighbours > 0

    def check(self) -> None:
        """Refuses a combination that means nothing.

        Raises:
            InputError: What is wrong with it.
        """
        if self.out is None and not self.compares:
            raise InputError("nothing to do with the vectors", "as in --out vectors.npz")
        if self.compares and self.level == "char":
            what = "html" if self.neighbours == 0 else "neighbours"
            raise InputError(f"`{what}` compares texts, not characters", "leave --level char out")
