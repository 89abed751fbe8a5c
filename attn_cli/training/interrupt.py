"""Signals as a request to stop that training checks between two steps."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from types import FrameType


def ending_signals() -> list[signal.Signals]:
    """Ctrl-C, SIGTERM and, where it is not ignored, the signal of a closed terminal."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    # Under nohup it is ignored, and stays so.
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        numbers.append(hang_up)
    return numbers


class StopSignal:
    """Context manager in which the first signal requests a stop; the second interrupts at once.

    Args:
        numbers: The signals.
        on_request: Called when the first one comes.

    Attributes:
        exit_code: 128 plus the number of the signal, as shells expect; None before it comes.
    """

    def __init__(
        self, numbers: Iterable[signal.Signals], on_request: Callable[[], None] = lambda: None
    ) -> None:
        self._on_request = on_request
        self.exit_code: int | None = None
        self._before = {number: signal.getsignal(number) for number in numbers}

    def requested(self) -> bool:
        """Whether a signal has come."""
        return self.exit_code is not None

    def __enter__(self) -> StopSignal:
        for number in self._before:
            signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def ignore(self) -> None:
        """Ignores the signals for good: this process is about to end."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)
        self._before.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested():
            raise KeyboardInterrupt
        self.exit_code = 128 + number
        self._on_request()
