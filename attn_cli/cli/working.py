"""What a command does while it shows nothing else, on a terminal, where it takes long."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Never, TypeVar

from attn_cli.cli.ticker import Ticker

if TYPE_CHECKING:
    from tqdm import tqdm

DELAY = 2.0  # seconds of silence that nobody minds

Item = TypeVar("Item")

_shown: list[working] = []  # at most one: what a command does now


class working(contextlib.ContextDecorator):  # noqa: N801, as other context managers
    """Context manager, and decorator: a line on standard error that says what takes long.

    It appears after two seconds, on a terminal alone, tells the time, and is gone in the end or
    when `end_working` is called, as where a command begins to print its result.

    Args:
        what: What is done, as in "measuring the loss".
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> working:
        self._bar: tqdm[Never] | None = None
        self._ticker: Ticker | None = None
        self._done, self._total = 0, 0
        self._lock = threading.RLock()
        self._began = time.time()
        if sys.stderr.isatty() and not _shown:
            _shown.append(self)
            if DELAY <= 0:
                self._draw()
            self._ticker = Ticker(self._draw)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def count(
        self, items: Iterable[Item], total: int, size: Callable[[Item], int] = lambda _: 1
    ) -> Iterator[Item]:
        """The items, each of which counts as done when the next is asked for.

        Args:
            items: What takes long to compute.
            total: How many there are, or how much they are together.
            size: How much one of them is.
        """
        self._total = total
        for item in items:
            yield item
            self._done += size(item)

    def end(self) -> None:
        """Takes the line away."""
        if self._ticker is None:
            return
        self._ticker.stop()
        self._ticker = None
        _shown.clear()
        with contextlib.suppress(OSError), self._lock:
            if self._bar is not None:
                self._bar.close()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Context manager: without the line, so that another can be written in its place."""
        with self._lock:
            if self._bar is not None:
                self._bar.clear()
            yield

    def _draw(self) -> None:
        if time.time() - self._began < DELAY:
            return
        with self._lock:
            if self._bar is None:
                self._bar = self._new_bar()
            if self._total and self._bar.total is None:
                self._bar.total = self._total
                self._bar.bar_format = "{desc} {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]"
            self._bar.n = self._done
            self._bar.refresh()

    def _new_bar(self) -> tqdm[Never]:
        from tqdm import tqdm

        from attn_cli.cli.progress_bar import terminal_columns

        bar: tqdm[Never] = tqdm(
            desc=self._what,
            bar_format="{desc} ... {elapsed}",
            leave=False,
            delay=1e-9,  # so that it is first drawn with the time that has passed
            ncols=terminal_columns(),
            nrows=2,  # not of the terminal: some say that they have none
            file=sys.stderr,
        )
        bar.start_t = self._began
        return bar


def end_working() -> None:
    """Takes away the line that says what a command does, for good."""
    for each in list(_shown):
        each.end()


def count_working(items: Iterable[Item], total: int, size: Callable[[Item], int]) -> Iterable[Item]:
    """The items, counted by the line that says what a command does, if there is one."""
    return _shown[0].count(items, total, size) if _shown else items


def above_working() -> contextlib.AbstractContextManager[None]:
    """Context manager: while a line is printed, the line of what a command does is not there."""
    return _shown[0].aside() if _shown else contextlib.nullcontext()
