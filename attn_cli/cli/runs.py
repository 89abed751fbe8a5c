"""`attn runs`: a table of the runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from attn_cli.cli.options import JsonOption
from attn_cli.cli.terminal import console, notice, result_json
from attn_cli.text.display import escape_control_characters

if TYPE_CHECKING:
    from attn_cli.runs.run_folder import RunFolder


_COLUMNS = ("run", "data", "parameters", "steps", "best val loss", "age")
_FIRST_TO_GO = ("data", "parameters", "age", "steps")  # where a terminal is narrow


def runs(as_json: JsonOption = False) -> None:
    """List the runs under runs/, or under $ATTN_RUNS, newest first."""
    from attn_cli.runs.run_lookup import check_runs_root, list_runs, runs_root

    check_runs_root()
    described = [_describe(run) for run in list_runs()]
    if as_json:
        result_json({"runs": described})
        return
    if not described:
        notice(f"no run under {runs_root()}/ yet; make one with: attn train")
        return
    _print_table([_row(run) for run in described])


# Losses of what is hidden, or of labels, are not to be compared with a decoder's.
_OF = {"mlm": " mlm", "classify": " label", "seq2seq": " target"}


def _row(run: dict[str, Any]) -> dict[str, str]:
    """What the table shows of a run, by the column; what is wrong with it under `problem`."""
    name, age = escape_control_characters(run["run"]), _age(run["age_seconds"])
    if "problem" in run:
        return {"run": name, "problem": escape_control_characters(run["problem"]), "age": age}
    loss = run["val_loss"]
    return {
        "run": name,
        "data": escape_control_characters(run["data"]),
        "parameters": f"{run['parameters']:,}",
        "steps": f"{run['steps']:,}{'' if run['finished'] else ' so far'}",
        "best val loss": "-" if loss is None else f"{loss:.4f}{_OF.get(run['task'], '')}",
        "age": age,
    }


def _print_table(rows: list[dict[str, str]]) -> None:
    """Prints the rows, in a terminal as many of their columns as fit; a name is never cut."""
    from rich.cells import cell_len
    from rich.table import Table

    out = console()
    names = list(_COLUMNS)

    def cells(row: dict[str, str]) -> list[str]:
        problem = {names[1]: row["problem"]} if "problem" in row else {}
        return [(row | problem).get(name, "") for name in names]

    def width() -> int:
        columns = zip(names, *map(cells, rows), strict=True)
        return sum(max(map(cell_len, column)) + 2 for column in columns) - 2

    for name in _FIRST_TO_GO if out.is_terminal else ():
        if width() > out.width:
            names.remove(name)
    table = Table(box=None, pad_edge=False)
    for name in names:
        justify: Literal["left", "right"] = "left" if name in ("run", "data") else "right"
        table.add_column(name, justify=justify, no_wrap=True)
    for row in rows:
        table.add_row(*cells(row))
    # Wider than a narrow terminal where it has to be: a terminal wraps what does not fit.
    out.width = max(out.width, width())
    out.print(table)


def _describe(run: RunFolder) -> dict[str, Any]:
    from attn_cli.errors import CheckpointError
    from attn_cli.runs.checkpoint import read_current

    about: dict[str, Any] = {
        "run": str(run.path),
        "age_seconds": round(time.time() - run.config.stat().st_mtime),
    }
    try:
        _, latest = read_current(lambda: (run, run.checkpoint("latest")), with_weights=False)
        state = latest.metadata
        return about | {
            "task": latest.config.task,
            "data": state.data.name,
            "parameters": state.parameters,
            "steps": state.step,
            "finished": state.finished,
            "val_loss": state.best_val_loss,
        }
    except CheckpointError as error:
        return about | {"problem": error.message.removeprefix(f"run {run.path} ")}


def _age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
