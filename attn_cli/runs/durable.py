"""Files that are whole or absent, whatever happens while they are written.

What cannot be written raises a `WriteError` that names the file itself, not what was
written beside it on the way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class WriteError(OSError):
    """A file could not be written; `filename` is its name."""


def write_whole(path: Path, content: bytes | str) -> None:
    """Replaces a file in one step: written beside, synced, renamed.

    Text is written as UTF-8. After a crash the old or the new content is there,
    never a part of either.

    Raises:
        WriteError: It cannot be written; the old content is still there.
    """
    data = content.encode() if isinstance(content, str) else content
    beside = path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED}")
    with _naming(path):
        try:
            with beside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        sync_folder(path.parent)


def append(path: Path, text: str) -> None:
    """Adds to the end of a file that grows, handed to the system at once.

    Raises:
        WriteError: It cannot be written; a part of the text may be there.
    """
    with _naming(path), path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)


def sync_file(path: Path) -> None:
    """Makes what was appended to a file durable, if it is there."""
    if path.exists():
        with _naming(path), path.open("rb+") as file:
            os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable, on systems where a folder can be synced."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# How the names of files and folders end that are still being written.
UNFINISHED = ".tmp"


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """A full disk does not say which file it had no room for."""
    try:
        yield
    except OSError as error:
        raise WriteError(error.errno, error.strerror or str(error), str(path)) from None
