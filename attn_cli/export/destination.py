"""Where an export goes: whole or not at all, and never over what someone else made.

A folder that attn exports has an `attn.json` with where it came from and the checksum of each
file. Only a folder that is still exactly that is replaced by a later export.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attn_cli import __version__
from attn_cli.errors import InputError, OperationError
from attn_cli.runs.atomic_files import TMP_SUFFIX, atomic_write, read_at_most, sync_folder
from attn_cli.runs.loaded_model import TrainedModel

MANIFEST = "attn.json"
_LARGEST_MANIFEST = 100_000  # bytes


def require_free_folder(out: Path) -> None:
    """Makes sure that a folder can be written without loss.

    Raises:
        InputError: Something is there that is no earlier export, or is one that was changed.
    """
    if str(out) == "-":
        raise InputError("an export of several files needs a folder", "name one, such as model")
    if not (out.exists() or out.is_symlink()):
        return
    if not out.is_dir():
        raise InputError(f"{out} is not a folder", "name a new one")
    if _is_empty(out):
        return
    if not _is_own(out):
        raise InputError(
            f"{out} is there and is no export of attn, or was changed since",
            "name a new folder; attn overwrites nothing but its own",
        )


def write_folder(out: Path, files: Mapping[str, bytes], model: TrainedModel, form: str) -> int:
    """Writes a folder, in the place of an earlier export if there is one.

    Args:
        out: The folder.
        files: Its files by name.
        model: Where they came from.
        form: What kind of export it is.

    Returns:
        How many bytes they take.

    Raises:
        InputError: Something else is there.
        OperationError: It cannot be written; what was there is still there.
    """
    require_free_folder(out)
    facts: dict[str, Any] = {
        "format": form,
        "attn": __version__,
        "run": model.name,
        "step": model.step,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    whole = {**files, MANIFEST: (json.dumps(facts, indent=2) + "\n").encode()}
    with telling_what_failed(out):
        home = out.resolve()
        if home.is_dir() and _is_empty(home):
            _fill(home, whole)  # it may be where the user stands, so it stays the same folder
        else:
            _replace(home, whole)
    return sum(map(len, whole.values()))


@contextmanager
def telling_what_failed(out: Path) -> Iterator[None]:
    """Says of a file or a folder that cannot be written which one it was."""
    try:
        yield
    except OSError as error:
        # NumPy says how much it wrote, and not why that was not all.
        what = error.strerror or f"{error} (is the disk full?)"
        raise OperationError(f"cannot write {out}: {what}", "name another place") from None


def _fill(home: Path, files: Mapping[str, bytes]) -> None:
    try:
        for name, data in files.items():
            atomic_write(home / name, data)
    except BaseException:
        for name in files:
            (home / name).unlink(missing_ok=True)
        raise


def _replace(home: Path, files: Mapping[str, bytes]) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    beside, before = (
        home.with_name(f".{home.name}.{os.getpid()}.{what}{TMP_SUFFIX}") for what in ("new", "old")
    )
    beside.mkdir()
    try:
        for name, data in files.items():
            atomic_write(beside / name, data)
        if home.exists():
            home.replace(before)
        try:
            beside.replace(home)
        except BaseException:
            if before.exists():
                before.replace(home)
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)
    sync_folder(home.parent)


def _is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


def _is_own(folder: Path) -> bool:
    """Whether a folder is what an export left, to the last bit."""
    try:
        known = json.loads(read_at_most(folder / MANIFEST, _LARGEST_MANIFEST))["sha256"]
        if {path.name for path in folder.iterdir()} != {MANIFEST, *known}:
            return False
        return all(_digest(folder / name) == digest for name, digest in known.items())
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
