"""A function called by the clock while something else computes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

TICK_SECONDS = 0.5


class Ticker:
    """Calls a function by the clock, from a thread of its own."""

    def __init__(self, tick: Callable[[], None]) -> None:
        self._tick = tick
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress bar", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns when it will not call again."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            with contextlib.suppress(OSError):  # a terminal that was closed
                self._tick()
