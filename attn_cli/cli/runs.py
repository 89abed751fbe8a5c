"""`attn runs`: a table of the runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from attn_cli.cli.options import JsonOption
from attn_cli.cli.terminal import console, escape_control_characters, notice, result_json

if TYPE_CHECKING:
    from attn_cli.runs.run_folder import RunFolder


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
    from rich.table import Column, Table

    numbers = [
        Column(name, justify="right", no_wrap=True)
        for name in ("parameters", "steps", "best val loss", "age")
    ]
    table = Table("run", "data", *numbers, box=None, pad_edge=False)
    for run in described:
        cells = [run.get("problem", ""), "", "", ""]
        if "problem" not in run:
            loss = run["val_loss"]
            cells = [
                run["data"],
                f"{run['parameters']:,}",
                f"{run['steps']:,}{'' if run['finished'] else ' so far'}",
                "-" if loss is None else f"{loss:.4f}",
            ]
        row = (run["run"], *cells, _age(run["age_seconds"]))
        table.add_row(*map(escape_control_characters, row))
    console().print(table)


def _describe(run: RunFolder) -> dict[str, Any]:
    from attn_cli.errors import CheckpointError
    from attn_cli.runs.checkpoint import read_checkpoint

    about: dict[str, Any] = {
        "run": str(run.path),
        "age_seconds": round(time.time() - run.config.stat().st_mtime),
    }
    try:
        state = read_checkpoint(run.checkpoint("latest")).metadata
        return about | {
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
