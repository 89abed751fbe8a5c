"""`attn`, or a shell, at a real pseudo-terminal, and somebody who types."""

from __future__ import annotations

import codecs
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

DEADLINE = 60.0  # seconds; a session answers in milliseconds


class Terminal:
    """A command that runs at a terminal.

    Args:
        folder: Where it runs.
        arguments: What comes after the program.
        program: The program, `attn` where it is left out.
        environment: What is set beside what is set here.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        program: Sequence[str] = (sys.executable, "-m", "attn_cli"),
        **environment: str,
    ) -> None:
        import pty

        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [*program, *arguments],
            stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder,
            env=os.environ | {"TERM": "dumb"} | environment,
            start_new_session=True, preexec_fn=self._take_terminal,
        )  # fmt: skip
        os.close(theirs)
        self._seen = ""
        # A piece may end within a character.
        self._decode = codecs.getincrementaldecoder("utf-8")().decode

    @staticmethod
    def _take_terminal() -> None:
        import fcntl
        import termios

        fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C is a signal

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def interrupt(self, expected: str) -> None:
        """Ctrl-C, and again where nothing comes of it, until a text is shown.

        One that comes between a prompt and the reading behind it waits for the next key.
        """
        end = time.monotonic() + DEADLINE
        while expected not in self._seen and time.monotonic() < end:
            self.type("\x03")
            while select.select([self._ours], [], [], 2.0)[0] and self._read(end):
                if expected in self._seen:
                    break
        self.until(expected)

    def until(self, expected: str) -> str:
        """All that is shown up to a text, which is awaited."""
        end = time.monotonic() + DEADLINE
        while expected not in self._seen:
            assert self._read(end), f"it ended without {expected!r}: {self._seen!r}"
        before, _, self._seen = self._seen.partition(expected)
        return before

    def rest(self) -> str:
        """All that is shown until it ends."""
        end = time.monotonic() + DEADLINE
        while self._read(end):
            pass
        return self._seen

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"nothing comes after {self._seen!r}"
        try:
            piece = os.read(self._ours, 65536)
        except OSError:  # nobody holds the other side any more
            return False
        self._seen = (self._seen + self._decode(piece)).replace("\r\n", "\n")
        return bool(piece)

    def code(self) -> int:
        """What it left with."""
        return self._process.wait(timeout=DEADLINE)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)
