"""`attn export`: a model in a form that needs no attn."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from attn_cli.cli.options import JsonOption, RunOption


class Format(StrEnum):
    """What a model can be exported as."""

    page = "page"


def export(
    format: Annotated[
        Format, typer.Argument(help="page: one HTML file in which the model runs, to play with.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.")],
    run: RunOption = None,
    text: Annotated[
        str | None, typer.Option(help='What the page opens with; "Hello" when left out.')
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a model as something that others can use without attn."""
    from attn_cli.cli.page_file import write_page
    from attn_cli.inspection.subject import trained_subject

    assert format is Format.page
    subject = trained_subject(run)
    title = f"A model of {subject.folder.path.resolve().name}"
    write_page(out, subject, subject.ids(text), title=title, play=True, as_json=as_json)
