"""The options of every command that writes a figure: the files, the theme, the size."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli.options import path_option
from attn_cli.cli.terminal import notice, result
from attn_cli.errors import InputError, OperationError
from attn_cli.figures.style import SizeName, ThemeName

if TYPE_CHECKING:
    from attn_cli.figures.canvas import Draw, Kind


@dataclass(frozen=True)
class FigureFiles:
    """The figures that a user asked for: one picture, in up to three formats."""

    svg: Annotated[
        Path | None,
        typer.Option("--svg", metavar="FILE", parser=path_option, help="Write a figure as SVG."),
    ] = None
    png: Annotated[
        Path | None,
        typer.Option("--png", metavar="FILE", parser=path_option, help="Write it as a PNG image."),
    ] = None
    pdf: Annotated[
        Path | None,
        typer.Option("--pdf", metavar="FILE", parser=path_option, help="Write it as PDF."),
    ] = None
    theme: Annotated[
        ThemeName | None,
        typer.Option("--theme", help="Colours of the figure; light by default."),
    ] = None
    size: Annotated[
        SizeName | None,
        typer.Option(
            "--size",
            help="Size of the figure: a 16:9 slide, the default, or a column of a two-column "
            "paper, 3.3 inches wide.",
        ),
    ] = None

    @property
    def paths(self) -> dict[Kind, Path]:
        """The files by their format."""
        files: dict[Kind, Path | None] = {"svg": self.svg, "png": self.png, "pdf": self.pdf}
        return {kind: path for kind, path in files.items() if path is not None}

    def __bool__(self) -> bool:
        return bool(self.paths)

    def check(self, excluded: Iterable[str] = ()) -> None:
        """Refuses what cannot be written, before the work.

        Args:
            excluded: Other options that were given and do not go together with a figure.

        Raises:
            InputError: A file cannot be of that name, or two options exclude each other.
        """
        if not self and (self.theme or self.size):
            option = "`theme`" if self.theme else "`size`"
            raise InputError(f"{option} is of a figure, and none is asked for", "add --svg FILE")
        for kind, path in self.paths.items():
            for option in excluded:
                raise InputError(f"{option} and --{kind} exclude each other", "give one of the two")
            _check_file(kind, path)
        if len(set(self.paths.values())) < len(self.paths):
            raise InputError("two figures have the same file", "name a file for each")

    def write(self, draw: Draw) -> list[Path]:
        """Draws and writes each file, and says which.

        Raises:
            OperationError: One cannot be written.
        """
        from attn_cli.figures.canvas import render
        from attn_cli.figures.style import style_named
        from attn_cli.runs.atomic_files import atomic_write

        style = style_named(self.theme or "light", self.size or "slide")
        for kind, path in self.paths.items():
            try:
                atomic_write(path, render(draw, kind, style))
            except OSError as error:
                raise OperationError(
                    f"cannot write {path}: {error.strerror}", "name another file"
                ) from None
        return list(self.paths.values())


NO_FIGURES = FigureFiles()


def write_in_place(files: FigureFiles, draw: Draw, *, as_json: bool = False) -> bool:
    """Writes figures, and prints their paths in place of what a terminal would show.

    Returns:
        Whether nothing more is to be printed: figures were asked for, and no JSON.
    """
    paths = files.write(draw) if files else []
    for path in paths:
        if not as_json:
            result(str(path))
    return bool(paths) and not as_json


def write_beside(files: FigureFiles, draw: Draw) -> None:
    """Writes figures beside a result, with a notice for each."""
    for path in files.write(draw) if files else ():
        notice(f"figure: {path}")


def _check_file(kind: str, path: Path) -> None:
    if path.suffix.lower() != f".{kind}":
        known = path.suffix.lower().removeprefix(".")
        other = known in ("svg", "png", "pdf")
        hint = f"as in: --{known} {path}" if other else f"as in: figure.{kind}"
        raise InputError(f"--{kind} {path}: the name of such a file ends in .{kind}", hint)
    if path.is_dir():
        raise InputError(f"{path} is a folder", f"name a file, as in: {path / f'figure.{kind}'}")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}", "create it first")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write to the folder {path.parent}", "name a file elsewhere")
