"""Ctrl-C, SIGTERM and a closed terminal as a request that training checks between two steps."""

from __future__ import annotations

import signal
from types import FrameType

from attn_cli.cli.terminal import notice


class StopSignal:
    """Context manager in which the first signal requests a stop; the second ends the program.

    Args:
        quiet: Whether to print nothing; for several processes, which a launcher also ends
            by a signal when one of them has failed.

    Attributes:
        exit_code: 128 plus the number of the signal, as shells expect; None before it comes.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self.exit_code: int | None = None
        numbers = [signal.SIGINT, signal.SIGTERM]
        # A closed terminal sends it. Under nohup it is ignored, and stays so.
        hang_up = getattr(signal, "SIGHUP", None)
        if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
            numbers.append(hang_up)
        self._before = {number: signal.getsignal(number) for number in numbers}

    def requested(self) -> bool:
        """Whether a signal has come."""
        return self.exit_code is not None

    def __enter__(self) -> StopSignal:
        for number in self._before:
            signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Restores the handlers; after a request, further signals are ignored until the exit."""
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if self.requested() else handler)

    def ignore(self) -> None:
        """Ignores the signals for good: this process is about to end."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)
        self._before.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested():
            raise KeyboardInterrupt
        self.exit_code = 128 + number
        if not self._quiet:
            notice("\nstopping after this step; once more to stop at once")
