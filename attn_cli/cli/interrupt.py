"""Ctrl-C, SIGTERM and a closed terminal as a wish that the run notices between two steps."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

from attn_cli.cli.terminal import notice


class Interrupts:
    """Within it, the first signal is noted, and the second ends the program at once.

    Of several processes none says so: a launcher ends them by a signal, too, when one has failed.

    `exit_code` is 128 plus the number of the signal that came, as shells expect;
    None while none has.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self.exit_code: int | None = None
        numbers = [signal.SIGINT, signal.SIGTERM]
        # A terminal that closes. Under nohup it is ignored, and stays so.
        hang_up = getattr(signal, "SIGHUP", None)
        if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
            numbers.append(hang_up)
        self._before = {number: signal.getsignal(number) for number in numbers}

    def wanted(self) -> bool:
        """Whether a signal has come."""
        return self.exit_code is not None

    def __enter__(self) -> Interrupts:
        for number in self._before:
            signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the signals back; but who has asked for the end has it, and gets it undisturbed."""
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if self.wanted() else handler)

    def ignore(self) -> None:
        """Ignores the signals for good: this process is about to end."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)
        self._before.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.wanted():
            raise KeyboardInterrupt
        self.exit_code = 128 + number
        if not self._quiet:
            notice("\nstopping after this step; once more to stop at once")
