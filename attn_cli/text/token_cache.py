"""Token ids of large texts on disk, written once and mapped into memory."""

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
from attn_cli.text.display import format_bytes
from attn_cli.text.paths import cache_folder
from attn_cli.text.tokenizer import TokenIds


def cached_token_ids(
    key: str,
    dtype: np.dtype[Any],
    chunks: Iterator[TokenIds],
    report: Callable[[], dict[str, Any]],
    number: int,
) -> tuple[TokenIds, dict[str, Any]]:
    """The ids stored under `key`, mapped from disk, and the report stored beside them.

    If they are not there, they are made from `chunks`. A file beside the ids holds their
    number, their checksum and the report. It is written last, so ids without it, or with
    another number or checksum, are incomplete and are made again. Processes that need the
    same ids at the same time wait for the one that makes them.

    Args:
        key: What the ids depend on, fit for a file's name.
        dtype: Their type.
        chunks: Makes them, chunk by chunk; consumed only if they are not there.
        report: What to store beside them; called after the last of `chunks`.
        number: About how many there will be.

    Raises:
        OperationError: The cache cannot be read or written, or would fill the disk.
    """
    folder = cache_folder() / "ids"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{key}.lock"):
            found = _read(folder, key, dtype)
            if found is None:
                _check_space(folder, number * dtype.itemsize)
                _write(folder, key, chunks, report)
                found = _read(folder, key, dtype)
    except OSError as error:
        raise OperationError(
            f"cannot store the token ids of the text in {folder}: {error.strerror or error}",
            hint="free space there, or set ATTN_CACHE to another folder",
        ) from None
    assert found is not None
    return found


def check_not_truncated(ids: TokenIds) -> None:
    """Checks that ids which are mapped from disk are still there.

    Reading beyond the end of a mapped file kills the process (SIGBUS) without a message.

    Raises:
        OperationError: Their file was truncated.
    """
    if not isinstance(ids, np.memmap) or ids.filename is None:
        return
    path, mapped = Path(ids.filename), ids
    while isinstance(mapped.base, np.memmap):
        mapped = mapped.base  # a slice does not know where in the file it begins
    try:
        complete = path.stat().st_size >= mapped.offset + mapped.nbytes
    except OSError:  # removed or replaced: what is mapped stays valid
        return
    if not complete:
        raise OperationError(
            f"the token ids in {path} were truncated while they were being read",
            hint="start again, or resume the run: they will be made again",
        )


def _check_space(folder: Path, needed: int) -> None:
    """Refuses to fill the disk: a small archive can decompress to any size."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OperationError(
            f"the token ids of the text need {format_bytes(needed)} in {folder}, which has "
            f"{format_bytes(free)} free",
            hint="free space there, or set ATTN_CACHE to another folder",
        )


def _read(folder: Path, key: str, dtype: np.dtype[Any]) -> tuple[TokenIds, dict[str, Any]] | None:
    ids_path, report_path = folder / f"{key}.ids", folder / f"{key}.json"
    try:
        stored = json.loads(report_path.read_text(encoding="utf-8"))
        number, report = stored["number"], stored["report"]
        if ids_path.stat().st_size != number * dtype.itemsize:
            return None
        with ids_path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != stored["sha256"]:
                return None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return np.memmap(ids_path, dtype=dtype, mode="r", shape=(number,)), report


def _write(
    folder: Path, key: str, chunks: Iterator[TokenIds], report: Callable[[], dict[str, Any]]
) -> None:
    partial = folder / f"{key}.partial"
    number, digest = 0, hashlib.sha256()
    try:
        with partial.open("wb") as stream:
            for chunk in chunks:
                stream.write(chunk.data)
                digest.update(chunk.data)
                number += len(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(folder / f"{key}.ids")
        stored = {"number": number, "sha256": digest.hexdigest(), "report": report()}
        partial.write_text(json.dumps(stored), encoding="utf-8")
        partial.replace(folder / f"{key}.json")
    finally:
        partial.unlink(missing_ok=True)
