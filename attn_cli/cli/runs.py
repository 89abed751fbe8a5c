"""`attn runs`: a table of the runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attn_cli.cli import completion
from attn_cli.cli.options import JsonOption, run_or_group_option
from attn_cli.cli.terminal import console, notice, result_json
from attn_cli.text.display import escape_control_characters

if TYPE_CHECKING:
    from attn_cli.cli.run_rows import Row

_COLUMNS = ("run", "n", "data", "parameters", "steps", "val_loss", "age_seconds")
_FIRST_TO_GO = ("data", "parameters", "age_seconds", "steps", "n")  # where a terminal is narrow
GroupArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="GROUP",
        parser=run_or_group_option,
        autocompletion=completion.run_names,
        help="List the runs of a group, or the arms of a sweep.",
    ),
]


ColumnsOption = Annotated[
    str | None,
    typer.Option(
        metavar="KEY,KEY...",
        autocompletion=completion.config_keys("run", "n", "val_loss", "settings"),
        show_default=",".join(_COLUMNS),
        help="The columns: keys of --json or of a configuration; "
        "settings: all that differs from the defaults.",
    ),
]


def runs(
    group: GroupArgument = None,
    every: Annotated[
        bool, typer.Option("--all", help="List every run separately, including those in groups.")
    ] = False,
    columns: ColumnsOption = None,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            autocompletion=completion.config_keys("val_loss", "-val_loss", "age"),
            show_default="newest first",
            help="Sort by a key; -KEY sorts in reverse.",
        ),
    ] = None,
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="KEY=VALUE",
            autocompletion=completion.config_settings,
            help='List only what meets this; also "KEY<NUMBER" and ">"; may be repeated.',
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the runs, newest first.

    A group of several seeds is one line with the mean and the standard deviation of its finished
    runs, a sweep one with its best arm.

    Examples:
      attn runs
      attn runs --columns run,val_loss,model.n_layer --sort val_loss
      attn runs --filter "val_loss<1.5" --filter data=tales
    """
    from attn_cli.cli.run_columns import column_key, matcher, sorted_by
    from attn_cli.runs.run_lookup import runs_root

    keys = [column_key(name.strip()) for name in columns.split(",")] if columns else []
    matchers = [matcher(condition) for condition in conditions or ()]
    listed = _listed(group, every=every)
    rows = [row for row in listed if all(matches(row) for matches in matchers)]
    if sort is not None:
        rows = sorted_by(rows, sort)
    if as_json:
        result_json({"runs": [row.record() for row in rows]})
    elif not listed:
        notice(f"no run under {runs_root()}/ yet; make one with: attn train")
    elif not rows:
        notice(f"no run of {len(listed)} meets {' and '.join(conditions or ())}")
    else:
        _print_table(rows, keys)


def _listed(group: Path | None, *, every: bool) -> list[Row]:
    """The rows of all runs, groups and sweeps, or of what is in one of them."""
    from attn_cli.cli.run_rows import row_of
    from attn_cli.runs.run_lookup import check_runs_root, find_group, find_run, list_all

    check_runs_root()
    if group is None:
        rows = [row_of(found) for found in list_all()]
    else:
        found = find_group(group) or find_run(group, trained=False)
        rows = [row_of(found)]
        rows = list(rows[0].members) or rows
    while every and any(row.members for row in rows):
        rows = [each for row in rows for each in row.members or (row,)]
    return rows


def _print_table(rows: Sequence[Row], chosen: Sequence[str]) -> None:
    """Prints the rows, in a terminal as many of their columns as fit; a name is never cut.

    Args:
        rows: At least one.
        chosen: The keys of the columns, all of which are shown; the usual ones where it is empty.
    """
    from rich.cells import cell_len
    from rich.table import Table

    from attn_cli.cli.run_columns import HEADINGS, cell

    out = console()
    keys = list(chosen or _COLUMNS)
    if not chosen and not any(row.members for row in rows):
        keys.remove("n")

    def cells(row: Row) -> list[str]:
        shown = {key: cell(row, key) for key in keys}
        place = next((key for key in ("data", *keys) if key in keys and key != "run"), None)
        if row.problem and place is not None:
            shown[place] = row.problem
        return [escape_control_characters(text) for text in shown.values()]

    def width() -> int:
        headings = [HEADINGS.get(key, key) for key in keys]
        columns = zip(headings, *map(cells, rows), strict=True)
        return sum(max(map(cell_len, column)) + 2 for column in columns) - 2

    for key in _FIRST_TO_GO if out.is_terminal and not chosen else ():
        if width() > out.width and key in keys:
            keys.remove(key)
    table = Table(box=None, pad_edge=False)
    for key in keys:
        words = any(isinstance(row.get(key), str | dict) for row in rows) and key != "n"
        side: Literal["left", "right"] = "left" if words else "right"
        table.add_column(HEADINGS.get(key, key), justify=side, no_wrap=True)
    for row in rows:
        table.add_row(*cells(row))
    # Wider than a narrow terminal where it has to be: a terminal wraps what does not fit.
    out.width = max(out.width, width())
    out.print(table)
