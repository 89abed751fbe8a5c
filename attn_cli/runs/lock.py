"""The lock of a run's folder: one process at a time writes into it."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from attn_cli.errors import InputError
from attn_cli.runs.atomic_files import atomic_write
from attn_cli.runs.run_folder import RunFolder


@contextmanager
def lock_run(run: RunFolder) -> Iterator[None]:
    """Context manager: locks a run's folder; the system releases it if the process dies.

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
        atomic_write(run.lock_holder, f"{os.getpid()}\n")
        yield
    finally:
        # The lock's own file stays: if it were removed, two processes could each hold a lock.
        with contextlib.suppress(OSError):  # the disk may have become read-only
            run.lock_holder.unlink(missing_ok=True)
        lock.release()


def _holder(run: RunFolder) -> str:
    """The id of the process that holds the lock; `?` for a moment after it was taken."""
    try:
        return run.lock_holder.read_text(encoding="ascii").strip()[:20] or "?"
    except (OSError, UnicodeDecodeError):
        return "?"
