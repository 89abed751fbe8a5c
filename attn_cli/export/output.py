"""Writing an exported folder: complete or not at all, and never over anything else.

An exported folder has an `attn.json` with its origin and the checksum of each file. Only a
folder that is still exactly that is replaced by a later export.
"""

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
_MAX_MANIFEST_BYTES = 100_000


def check_output_folder(out: Path) -> None:
    """Makes sure that writing a folder loses nothing.

    Raises:
        InputError: There is something that is not an earlier export, or one that was changed.
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
            f"{out} exists, and is not an unchanged export of attn",
            "name a new folder; attn overwrites nothing but its own exports",
        )


def write_folder(out: Path, files: Mapping[str, bytes], model: TrainedModel, form: str) -> int:
    """Writes a folder of files by name, replacing an earlier export; returns its size in bytes.

    Its manifest says which model it is, and the format's name.

    Raises:
        InputError: There is something else.
        OperationError: It cannot be written; what was there before is unchanged.
    """
    check_output_folder(out)
    manifest: dict[str, Any] = {
        "format": form,
        "attn": __version__,
        "run": model.name,
        "step": model.step,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    all_files = {**files, MANIFEST: (json.dumps(manifest, indent=2) + "\n").encode()}
    with translate_write_errors(out):
        home = out.resolve()
        if home.is_dir() and _is_empty(home):
            _fill(home, all_files)  # the working directory may be in it
        else:
            _replace(home, all_files)
    return sum(map(len, all_files.values()))


@contextmanager
def translate_write_errors(out: Path) -> Iterator[None]:
    """Context manager: turns an OSError into an OperationError that names the export."""
    try:
        yield
    except OSError as error:
        # NumPy says how much it wrote, but not why it stopped.
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
    new, old = (
        home.with_name(f".{home.name}.{os.getpid()}.{what}{TMP_SUFFIX}") for what in ("new", "old")
    )
    new.mkdir()
    try:
        for name, data in files.items():
            atomic_write(new / name, data)
        if home.exists():
            home.replace(old)
        try:
            new.replace(home)
        except BaseException:
            if old.exists():
                old.replace(home)
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    sync_folder(home.parent)


def _is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


def _is_own(folder: Path) -> bool:
    """Whether a folder is exactly what an export wrote."""
    try:
        known = json.loads(read_at_most(folder / MANIFEST, _MAX_MANIFEST_BYTES))["sha256"]
        if {path.name for path in folder.iterdir()} != {MANIFEST, *known}:
            return False
        return all(_digest(folder / name) == digest for name, digest in known.items())
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
