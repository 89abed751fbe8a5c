"""Where runs and groups are: the one that a user names, the newest, and all of them."""

import difflib
import itertools
import os
import re
import shlex
from pathlib import Path

from attn_cli.errors import CheckpointError, InputError
from attn_cli.runs.run_folder import METADATA_FILE, RunFolder, is_run, step_of
from attn_cli.runs.run_group import EXPERIMENT_FILE, RunGroup, Sweep, best_run, group_in

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


def find_run(path: Path | None, *, trained: bool = True) -> RunFolder:
    """The run of this folder or name, or the newest that a name fits; without one, the newest run.

    Of a group or a sweep it is the run with the best model.

    Args:
        path: A folder, or what `resolve_name` takes for a name.
        trained: Whether the run has to have a checkpoint; without, it cannot be a group.

    Raises:
        CheckpointError: There is none; the hint says what to type to make one.
    """
    if path is None:
        found = find_newest(trained=trained)
    else:
        found = find_named(resolve_name(path, trained=trained)[0])
    if found is None:
        raise _no_run() if path is None else _not_a_run(path)
    if isinstance(found, RunFolder):
        return found
    if not trained:
        raise CheckpointError(
            f"{found.path} is a {found.kind}, not one run",
            f"name one, such as {found.runs[-1].path}",
        )
    return best_run(found)[0]


def find_newest(*, trained: bool = True) -> RunFolder | RunGroup | Sweep | None:
    """The newest run, group or sweep; None where there is none.

    Args:
        trained: Whether it has to have a checkpoint.
    """
    check_runs_root()
    return next((each for each in list_all() if not trained or _is_trained(each)), None)


def resolve_name(path: Path, *, trained: bool = True) -> tuple[Path, str]:
    """The folder of the run or group of a name, with a line for the user if it was a choice.

    An exact name wins. Otherwise it is the newest of `diary-2`, `diary-3` and so on for `diary`;
    where there is none, the newest of those whose names begin with it. What is itself the path of
    a run stays as it is, and so does what fits none.

    Args:
        path: The path or the name of a run, a group or a sweep.
        trained: Whether a run without a checkpoint comes after all that have one.
    """
    if len(path.parts) != 1 or is_checkpoint(path):
        return path, ""
    if any(is_run(each) or group_in(each) for each in (path, path.expanduser())):
        return path, ""
    name, listed = path.name, list_all()
    same = [each for each in listed if re.fullmatch(re.escape(name) + _NUMBER, each.path.name)]
    for number, each in enumerate(same):
        if each.path.name == name:
            newer = [str(other.path) for other in same[:number]]
            return each.path, f"{name} is {each.path}; newer: {_listed(newer)}" if newer else ""
    fitting = same or [each for each in listed if each.path.name.startswith(name)]
    if trained:
        fitting.sort(key=lambda each: not _is_trained(each))
    if not fitting:
        return path, ""
    found, *others = (str(each.path) for each in fitting)
    if not others:
        return Path(found), f"{name} is {found}"
    count, shown = len(fitting), _listed(others)
    return Path(found), f"{name} is {found}, the newest of {count} (the others: {shown})"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN_OTHERS]) + ", ..." * (len(names) > _SHOWN_OTHERS)


def resolve_run(path: Path) -> tuple[Path, list[str]]:
    """The same of a single run: of a group or a sweep its best one; a line for each choice.

    Raises:
        CheckpointError: It is a group without a checkpoint that can be read.
    """
    path, note = resolve_name(path)
    notes = [note] if note else []
    if (group := find_group(path)) is None:
        return path, notes
    best, reason = best_run(group)
    return best.path, [*notes, reason]


def find_named(path: Path) -> RunFolder | RunGroup | Sweep | None:
    """The run, group or sweep of this folder or exact name; None where there is none.

    The folder of all runs is no sweep, though it may have groups in it.
    """
    for candidate in (path, path.expanduser(), runs_root() / path):
        if is_run(candidate):
            return RunFolder(candidate)
        group = group_in(candidate)
        if group is not None and candidate.resolve() != runs_root().resolve():
            return group
    return None


def find_group(path: Path) -> RunGroup | Sweep | None:
    """The group or sweep of this folder or exact name; None where there is none, or a run."""
    found = find_named(path)
    return None if isinstance(found, RunFolder) else found


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
        names = {_DATE_AND_NUMBER.sub("", each.path.name) for each in list_all()}
        near = difflib.get_close_matches(_DATE_AND_NUMBER.sub("", path.name), names)
        did_you_mean = f"did you mean {' or '.join(near)}? " if near else ""
        return CheckpointError(
            f"no run {path}", f"{did_you_mean}`attn runs` lists the runs that there are"
        )
    if (path / EXPERIMENT_FILE).is_file():
        return CheckpointError(f"no run of {path} has begun yet", "wait, or name another run")
    found = itertools.chain(path.glob("*/config.yaml"), path.glob("*/seed-*/config.yaml"))
    inside = next((config.parent for config in found), None)
    return CheckpointError(
        f"{path} is not a run",
        "a run is a folder with a config.yaml, made by attn train"
        if inside is None
        else f"there are runs in it: name one, such as {inside}",
    )


def list_runs() -> list[RunFolder]:
    """All single runs under `runs_root()`, newest first."""
    return [each for each in list_all() if isinstance(each, RunFolder)]


def list_all() -> list[RunFolder | RunGroup | Sweep]:
    """All runs, groups and sweeps under `runs_root()`, newest first.

    The age of a run is that of its configuration, the age of a group that of its newest run.
    """
    root = runs_root()
    found = []
    for path in root.iterdir() if root.is_dir() else ():
        single = RunFolder(path)
        each = single if single.config.is_file() else group_in(path)
        if each is not None:
            found.append((_modified(each), each))
    found.sort(key=lambda dated: dated[0], reverse=True)
    return [each for _, each in found]


def _modified(found: RunFolder | RunGroup | Sweep) -> int:
    runs = [found] if isinstance(found, RunFolder) else found.runs
    return max((run.config.stat().st_mtime_ns for run in runs if run.config.is_file()), default=0)


def _is_trained(found: RunFolder | RunGroup | Sweep) -> bool:
    """Whether there is a checkpoint, be it a damaged one."""
    runs = [found] if isinstance(found, RunFolder) else found.runs
    return any(run.step_folders() for run in runs)


def _no_run() -> CheckpointError:
    return CheckpointError(f"no run under {runs_root()}{os.sep} yet", "make one with: attn train")
