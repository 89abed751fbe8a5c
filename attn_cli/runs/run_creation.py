"""The folder of a new run, under a name that was free: nothing is ever overwritten."""

import itertools
import time
from pathlib import Path

from attn_cli.errors import InputError, OperationError
from attn_cli.runs.lock import lock_run
from attn_cli.runs.run_folder import RunFolder
from attn_cli.runs.run_lookup import check_runs_root, runs_root


def check_output(out: Path | None) -> None:
    """Makes sure that a run can be made in a folder: it is not there, or it is empty.

    Args:
        out: The folder; None for a new one under `runs_root()`.

    Raises:
        InputError: It has files, another process trains there, or it is not a folder.
    """
    if out is None:
        check_runs_root()
        return
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"output {out} is not a folder", "name a new folder")
    run = RunFolder(out)
    if run.lock.exists():
        # Says which process holds it, rather than that it is not empty.
        with lock_run(run):
            pass
    run.check_unused()


def create_run(out: Path | None, name: str, *, dated: bool = True) -> RunFolder:
    """Makes and returns the folder of a new run, still empty.

    Args:
        out: The folder; None for a new one under `runs_root()`.
        name: What that one is named after: the text, or a name of the user's.
        dated: Whether the time is a part of its name, too. A name that is taken gets a number.

    Raises:
        InputError: `out` exists and is not empty; nothing is ever overwritten.
        OperationError: The folder cannot be made.
    """
    if out is None:
        check_runs_root()
    try:
        run = RunFolder(_new_folder(name, dated=dated) if out is None else out)
        run.path.mkdir(parents=True, exist_ok=True)
        run.check_unused()
    except (FileExistsError, NotADirectoryError):
        raise InputError(
            f"output {out or runs_root()} is not a folder", "name a new folder"
        ) from None
    except OSError as error:
        raise OperationError(
            f"cannot write to {out or runs_root()}: {error.strerror}", "choose another `out`"
        ) from None
    return run


def _new_folder(name: str, *, dated: bool) -> Path:
    """Makes a folder under a name that was free; no other process has it."""
    first = runs_root() / (f"{name}-{time.strftime('%Y%m%d-%H%M%S')}" if dated else name)
    for number in itertools.count(1):
        path = first if number == 1 else first.with_name(f"{first.name}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            if not runs_root().is_dir():
                raise
        else:
            return path
    raise AssertionError("itertools.count() does not end")
