"""Where runs are: the one that a user names, the newest one, all of them, and a new one."""

import difflib
import itertools
import os
import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

from attn_cli.errors import CheckpointError, InputError, OperationError
from attn_cli.runs.checkpoint_metadata import METADATA_FILE
from attn_cli.runs.lock import lock_run
from attn_cli.runs.run_folder import RunFolder, is_run, step_of

# What follows a text's name in that of a run, and a user's own name where it was taken: 2 or
# more. Four digits are no number but a part of a user's name, as the year in `diary-2024`.
_NUMBER = r"(-([2-9]|[1-9][0-9]{1,2}))?"
_DATE_AND_NUMBER = re.compile(r"(-[0-9]{8}-[0-9]{6})?" + _NUMBER + "$")
_SHOWN_OTHERS = 3


def runs_root() -> Path:
    """`$ATTN_RUNS`, or `runs/` in the working directory."""
    return Path(os.environ.get("ATTN_RUNS") or "runs")


def check_runs_root() -> None:
    """Makes sure that nothing but a folder has the name of the folder of runs.

    Raises:
        InputError: A file has.
    """
    root = runs_root()
    if root.exists() and not root.is_dir():
        raise InputError(
            f"{root} is a file, and the runs are in a folder of that name",
            "rename it, or set ATTN_RUNS to a folder for the runs",
        )


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


def find_run(path: Path | None, *, trained: bool = True) -> RunFolder:
    """The run of this folder, or the newest one of this name; without either, the newest run.

    Args:
        path: A folder, or what `resolve_name` takes for a name.
        trained: Whether the newest run has to have a checkpoint.

    Raises:
        CheckpointError: There is none; the hint says what to type to make one.
    """
    if path is not None:
        run = named_run(resolve_name(path, trained=trained)[0])
        if run is None:
            raise _not_a_run(path)
        return run
    check_runs_root()
    for run in list_runs():
        if run.step_folders() or not trained:
            return run
    raise CheckpointError(f"no run under {runs_root()}{os.sep} yet", "make one with: attn train")


def resolve_name(path: Path, *, trained: bool = True) -> tuple[Path, str]:
    """The folder of the newest run of a name, and a line for the user where that was a choice.

    `diary` names the runs `diary`, `diary-2` and so on; where there is none, those whose names
    begin with it. What is itself the path of a run stays as it is, and so does what fits none.

    Args:
        path: The path or the name of a run.
        trained: Whether a run without a checkpoint comes after all that have one.
    """
    if len(path.parts) != 1 or is_run(path) or is_run(path.expanduser()) or is_checkpoint(path):
        return path, ""
    name, runs = path.name, list(list_runs())
    same = [run for run in runs if re.fullmatch(re.escape(name) + _NUMBER, run.path.name)]
    fitting = same or [run for run in runs if run.path.name.startswith(name)]
    if trained:
        fitting.sort(key=lambda run: not run.step_folders())
    if not fitting:
        return path, ""
    found, *others = (str(run.path) for run in fitting)
    if not others:
        return Path(found), "" if same else f"{name} is {found}"
    shown = ", ".join(others[:_SHOWN_OTHERS]) + ", ..." * (len(others) > _SHOWN_OTHERS)
    return Path(found), f"{name} is {found}, the newest of {len(fitting)} (the others: {shown})"


def grouped_runs(path: Path) -> list[RunFolder]:
    """The runs with checkpoints in a folder that is no run itself, by name; as of several seeds."""
    folders = (each.expanduser() for each in (path, runs_root() / path))
    folder = next((each for each in folders if each.is_dir()), None)
    if folder is None or is_run(folder) or is_checkpoint(folder):
        return []
    found = (RunFolder(config.parent) for config in sorted(folder.glob("*/config.yaml")))
    return [run for run in found if run.step_folders()]


def named_run(path: Path) -> RunFolder | None:
    """The run of this folder or exact name; None where there is none."""
    for candidate in (path, path.expanduser(), runs_root() / path):
        if is_run(candidate):
            return RunFolder(candidate)
    return None


def find_checkpoint(path: Path | None) -> tuple[RunFolder, Path]:
    """A run and the checkpoint of it that is meant: the one that `path` names, or its best.

    Args:
        path: The folder of a checkpoint, or what `find_run` takes. A checkpoint that was copied
            out of its run is a run of its own.

    Raises:
        CheckpointError: There is none.
    """
    if path is not None and is_checkpoint(path.expanduser()):
        folder = path.expanduser()
        if step_of(folder) < 0:  # `.`, or a link
            folder = folder.resolve()
        run = RunFolder(folder.parent.parent)
        return (run if folder in run.step_folders() else RunFolder(folder)), folder
    run = find_run(path)
    return run, run.best_or_latest()


def is_checkpoint(path: Path) -> bool:
    """Whether a folder is a checkpoint."""
    return (path / METADATA_FILE).is_file()


def _not_a_run(path: Path) -> CheckpointError:
    """The error about what was named in place of a run, with what to do with it."""
    quoted = shlex.quote(str(path))
    if path.is_file():
        return CheckpointError(
            f"{path} is a file, not a run",
            f"to train a model on it: attn train {quoted}; to evaluate one: attn evaluate {quoted}",
        )
    if is_checkpoint(path):
        return CheckpointError(
            f"{path} is a checkpoint, not a run", "name its run, the folder two levels above it"
        )
    if (path / "config.json").is_file():
        return CheckpointError(
            f"{path} is a Hugging Face folder, not a run", f"make one of it: attn import {quoted}"
        )
    if not path.exists():
        names = {_DATE_AND_NUMBER.sub("", run.path.name) for run in list_runs()}
        near = difflib.get_close_matches(_DATE_AND_NUMBER.sub("", path.name), names)
        did_you_mean = f"did you mean {' or '.join(near)}? " if near else ""
        return CheckpointError(
            f"no run {path}", f"{did_you_mean}`attn runs` lists the runs that there are"
        )
    inside = next((found.parent for found in path.glob("*/config.yaml")), None)
    return CheckpointError(
        f"{path} is not a run",
        "a run is a folder with a config.yaml, made by attn train"
        if inside is None
        else f"there are runs in it: name one, such as {inside}",
    )


def list_runs() -> Iterator[RunFolder]:
    """All runs under `runs_root()`, newest first."""
    root = runs_root()
    found = list(root.glob("*/config.yaml")) if root.is_dir() else []
    for config in sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        yield RunFolder(config.parent)


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
