"""Reading what may be a stranger's: regular files alone, and no more bytes than they can need."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_bounded(path: Path, most: int) -> bytes:
    """The first `most` bytes of a file, and one more where there are more.

    Raises:
        OSError: It cannot be read, or is no regular file: a pipe could keep a reader
            waiting, and a device could give bytes without end.
    """
    # Windows has neither pipes that wait there nor, without the second, bytes as they are.
    flags = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, os.O_RDONLY | flags)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(None, "it is no regular file", str(path))
        return file.read(most + 1)
