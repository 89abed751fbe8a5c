"""Files and folders that are complete or absent, whatever happens while they are written.

What cannot be written raises a `WriteError` that names the file, not the temporary one beside it.
"""

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# How the names of files and folders end that are still being written.
TMP_SUFFIX = ".tmp"


class WriteError(OSError):
    """A file could not be written; `filename` is its name."""


def atomic_write(path: Path, content: bytes | str) -> None:
    """Replaces a file in one step: written to a temporary file, synced, renamed.

    Text is written as UTF-8. After a crash the file has its old or its new content,
    never a mixture.

    Raises:
        WriteError: It cannot be written; the old content is still there.
    """
    data = content.encode() if isinstance(content, str) else content
    with atomic_file(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Context manager: a temporary file to write, which replaces `path` where all went well.

    Raises:
        WriteError: It cannot be written; the old content is still there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TMP_SUFFIX}")
    with _name_file_in_error(path):
        try:
            yield temporary
            sync_file(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


def is_temporary(path: Path) -> bool:
    """Whether a file was being written by `atomic_write`, and may be left of a killed process."""
    return path.name.startswith(".") and path.name.endswith(TMP_SUFFIX)


def atomic_write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Makes a folder of files in one step: a temporary one is filled, synced, renamed.

    Raises:
        WriteError: A file cannot be written; there is no folder then.
        OSError: The folder exists, or cannot be made.
    """
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}{TMP_SUFFIX}")
    temporary.mkdir()
    try:
        for name, content in files.items():
            atomic_write(temporary / name, content)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(folder.parent)


def append(path: Path, text: str) -> None:
    """Adds text to the end of a file and flushes it to the system at once.

    Raises:
        WriteError: It cannot be written; part of the text may be there.
    """
    with _name_file_in_error(path), path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)


def read_at_most(path: Path, max_bytes: int) -> bytes:
    """The first `max_bytes` bytes of a regular file, and one more where there are more.

    For files that may come from a stranger: a pipe could keep a reader waiting, and a
    device could give bytes without end.

    Raises:
        OSError: It cannot be read, or is not a regular file.
    """
    # Windows has neither pipes that block here nor, without O_BINARY, unchanged bytes.
    flags = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, os.O_RDONLY | flags)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(None, "it is not a regular file", str(path))
        return file.read(max_bytes + 1)


def sync_file(path: Path) -> None:
    """Makes durable what was appended to a file; does nothing where there is no file."""
    if path.exists():
        with _name_file_in_error(path), path.open("rb+") as file:
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


@contextmanager
def _name_file_in_error(path: Path) -> Iterator[None]:
    """Turns an `OSError` into a `WriteError` with the file's name, which a full disk leaves out."""
    try:
        yield
    except OSError as error:
        raise WriteError(error.errno, error.strerror or str(error), str(path)) from None
