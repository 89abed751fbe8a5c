"""Ids of large texts on disk, written once and mapped into memory."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from attn_cli.errors import OperationError
from attn_cli.text.paths import cache_folder
from attn_cli.text.tokenizer import TokenIds


def cached_token_ids(
    key: str,
    dtype: np.dtype[Any],
    pieces: Iterator[TokenIds],
    notes: Callable[[], dict[str, Any]],
    number: int,
) -> tuple[TokenIds, dict[str, Any]]:
    """The ids stored under `key`, mapped from disk; made from `pieces` if they are not there.

    A file beside the ids holds their number, their checksum and the notes. It is written
    last, so ids without it, or of another number or checksum, are not whole and are made
    again.
    Processes that want the same ids at the same time wait for the one that makes them.

    Args:
        key: What the ids depend on, fit for a file's name.
        dtype: Their type.
        pieces: Makes them, piece by piece; only run if they are not there.
        notes: What to remember beside them; asked once `pieces` has ended.
        number: About how many they will be.

    Raises:
        OperationError: the cache cannot be written, or would fill the disk.
    """
    folder = cache_folder() / "ids"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{key}.lock"):
            found = _read(folder, key, dtype)
            if found is None:
                _require_room(folder, number * dtype.itemsize)
                _write(folder, key, pieces, notes)
                found = _read(folder, key, dtype)
    except OSError as error:
        raise OperationError(
            f"cannot keep the ids of the text in {folder}: {error.strerror or error}",
            hint="make room there, or set ATTN_CACHE to another folder",
        ) from None
    assert found is not None
    return found


def check_not_truncated(ids: TokenIds) -> None:
    """Makes sure that ids which are mapped from disk are still there.

    The system ends a process that reads where a mapped file is no more, without a word.

    Raises:
        OperationError: Their file was cut short.
    """
    if not isinstance(ids, np.memmap) or ids.filename is None:
        return
    path, mapped = Path(ids.filename), ids
    while isinstance(mapped.base, np.memmap):
        mapped = mapped.base  # a part does not know where in the file it begins
    try:
        whole = path.stat().st_size >= mapped.offset + mapped.nbytes
    except OSError:  # removed or replaced: what is mapped stays as it was
        return
    if not whole:
        raise OperationError(
            f"the ids of the text in {path} were cut short while they were read",
            hint="start again, or go on with --resume: they are made again",
        )


def _require_room(folder: Path, needed: int) -> None:
    """Nobody's disk is filled to find out that it was too small: an archive can hold anything."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OperationError(
            f"the ids of the text need {needed:,} bytes in {folder}, and {free:,} are free there",
            hint="make room there, or set ATTN_CACHE to another folder",
        )


def _read(folder: Path, key: str, dtype: np.dtype[Any]) -> tuple[TokenIds, dict[str, Any]] | None:
    ids_path, notes_path = folder / f"{key}.ids", folder / f"{key}.json"
    try:
        stored = json.loads(notes_path.read_text(encoding="utf-8"))
        number, notes = stored["number"], stored["notes"]
        if ids_path.stat().st_size != number * dtype.itemsize:
            return None
        with ids_path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != stored["sha256"]:
                return None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return np.memmap(ids_path, dtype=dtype, mode="r", shape=(number,)), notes


def _write(
    folder: Path, key: str, pieces: Iterator[TokenIds], notes: Callable[[], dict[str, Any]]
) -> None:
    partial = folder / f"{key}.partial"
    number, digest = 0, hashlib.sha256()
    try:
        with partial.open("wb") as stream:
            for piece in pieces:
                stream.write(piece.data)
                digest.update(piece.data)
                number += len(piece)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(folder / f"{key}.ids")
        stored = {"number": number, "sha256": digest.hexdigest(), "notes": notes()}
        partial.write_text(json.dumps(stored), encoding="utf-8")
        partial.replace(folder / f"{key}.json")
    finally:
        partial.unlink(missing_ok=True)
