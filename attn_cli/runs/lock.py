"""One process at a time writes into a run's folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from attn_cli.errors import InputError
from attn_cli.runs.durable import write_whole
from attn_cli.runs.folder import RunFolder


@contextmanager
def locked(run: RunFolder) -> Iterator[None]:
    """Holds a run's folder; the system lets go of it when the process ends, however it ends.

    Raises:
        InputError: Another process holds it; the message names its id.
        OSError: The folder cannot be written to.
    """
    run.checkpoints.mkdir(exist_ok=True)
    lock = FileLock(run.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"{run.path} is in use: process {_holder(run)} is training there",
            "wait until it has ended, or name another folder",
        ) from None
    try:
        write_whole(run.lock_holder, f"{os.getpid()}\n")
        yield
    finally:
        # The lock's own file stays: were it removed, two processes could each hold one.
        with contextlib.suppress(OSError):  # a disk that has become read-only meanwhile
            run.lock_holder.unlink(missing_ok=True)
        lock.release()


def _holder(run: RunFolder) -> str:
    """The id of the process that holds the lock; it writes it a moment after it has it."""
    try:
        return run.lock_holder.read_text(encoding="ascii").strip()[:20] or "?"
    except (OSError, UnicodeDecodeError):
        return "?"
