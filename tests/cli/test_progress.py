"""The bar on a terminal: what it says, when, and in how many columns; by a clock of the test."""

from __future__ import annotations

import os
import struct
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from rich.cells import cell_len

from attn_cli.cli import progress, progress_bar, ticker
from attn_cli.cli import terminal as terminal_output
from attn_cli.cli.progress import ProgressBar
from attn_cli.cli.progress_bar import Bar
from attn_cli.cli.ticker import Ticker
from attn_cli.runs.metrics import StepMetrics
from attn_cli.training.budget import Budget, StepBudget, TimeBudget
from tests.conftest import Trained

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")


END = "<end>"


class Terminal:
    """A pseudo-terminal at standard error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import pty

        self.ours, theirs = pty.openpty()
        self.stream = os.fdopen(theirs, "w", encoding="utf-8")
        for module in (progress, progress_bar, terminal_output):
            # pytest puts a sys.stderr of its own back before each test.
            monkeypatch.setattr(module, "sys", SimpleNamespace(stderr=self.stream))
        self.resize(80)
        self.bars: list[Bar] = []

    def start(self, budget: Budget, step: int = 0, before: float = 0.0) -> tuple[Any, Bar]:
        """A trainer, and its bar; `before` are the seconds that its run had taken."""
        started = time.monotonic() - before
        trainer: Any = SimpleNamespace(step=step, started=started, budget=budget, finished=False)
        self.bars.append(Bar(trainer, "chars"))
        return trainer, self.bars[-1]

    def resize(self, columns: int) -> None:
        import fcntl
        import termios

        size = struct.pack("HHHH", 30, columns, 0, 0)
        fcntl.ioctl(self.stream.fileno(), termios.TIOCSWINSZ, size)

    def shown(self) -> str:
        """What was written since the last time."""
        self.stream.write(END)
        self.stream.flush()
        shown = b""
        while END not in shown.decode(errors="replace"):  # it comes in pieces
            shown += os.read(self.ours, 100_000)
        return shown.decode().replace(END, "")

    def bar(self) -> str:
        """The bar as it was drawn last."""
        return self.shown().rstrip("\r\n").rpartition("\r")[2].rstrip()


class Clock:
    """What `time.monotonic` reads, in seconds."""

    now = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Where only the test makes the bar draw."""
    monkeypatch.setattr(ticker, "TICK_SECONDS", 3600.0)
    terminal = Terminal(monkeypatch)
    yield terminal
    for bar in terminal.bars:
        bar.close()
    terminal.stream.close()
    os.close(terminal.ours)


def metrics(step: int, val_loss: float | None = None) -> StepMetrics:
    return StepMetrics(
        step=step, chars=step, seconds=1.0, train_loss=2.5, lr=0.1, grad_norm=1.0,
        chars_per_second=21_000.0, skipped_steps=0, threads=1, val_loss=val_loss,
    )  # fmt: skip


def test_the_total_is_there_from_the_first_step_on(terminal: Terminal, clock: Clock) -> None:
    _, bar = terminal.start(StepBudget(1000))
    clock.now += 7
    bar.draw()
    assert terminal.bar().endswith("| 0/1,000, first step ... 00:07")


def test_a_resumed_run_begins_where_it_stopped(terminal: Terminal, clock: Clock) -> None:
    trainer, bar = terminal.start(StepBudget(1000), step=500, before=3600)
    clock.now += 10
    trainer.step = 600
    bar.draw()
    shown = terminal.bar()
    assert shown.startswith(" 60%|")
    assert shown.endswith("600/1,000 [1:00:10<00:40]")  # at the speed of this process


def test_the_clock_goes_on_between_slow_steps(terminal: Terminal, clock: Clock) -> None:
    trainer, bar = terminal.start(StepBudget(10))
    clock.now += 30
    trainer.step = 1
    bar.show(metrics(1))
    assert terminal.bar().endswith("1/10, train 2.500, 21.0k chars/s [00:30<04:30]")
    clock.now += 20
    bar.draw()
    assert terminal.bar().endswith(" [00:50<04:10]")


def test_compiling_says_so_and_is_no_part_of_the_speed(terminal: Terminal, clock: Clock) -> None:
    trainer, bar = terminal.start(StepBudget(100))
    trainer.step, clock.now = 20, clock.now + 20
    bar.begin("compiling")
    clock.now += 45
    bar.draw()
    assert terminal.bar().endswith("| 20/100, compiling ... 00:45")
    bar.begin("steps")
    trainer.step, clock.now = 50, clock.now + 30
    bar.draw()
    assert terminal.bar().endswith("50/100 [01:35<00:50]")


def test_of_a_run_by_time_the_time_is_shown(terminal: Terminal, clock: Clock) -> None:
    """However many steps that will be, and after a resume too."""
    budget = TimeBudget(60.0, started=clock.now - 15.0)
    trainer, bar = terminal.start(budget, step=70, before=15.0)
    trainer.step, clock.now = 80, clock.now + 30
    bar.draw()
    shown = terminal.bar()
    assert shown.startswith(" 75%|")
    assert shown.endswith("step 80 [00:45<00:15]")
    trainer.finished = True  # ahead of time, as by patience
    bar.close()
    assert terminal.bar().startswith("100%|")


@pytest.mark.parametrize(
    ("columns", "there", "not_there"),
    [
        (100, ("900/1,000, train 2.500, val 2.250, 21.0k chars/s [00:09<00:01]",), ()),
        (60, ("900/1,000, train 2.500 [00:09<00:01]",), ("val", "chars/s")),
        (40, ("900/1,000 [00:09<00:01]",), ("train",)),
    ],
)
def test_what_does_not_fit_is_left_out(
    terminal: Terminal,
    clock: Clock,
    columns: int,
    there: tuple[str, ...],
    not_there: tuple[str, ...],
) -> None:
    terminal.resize(columns)
    trainer, bar = terminal.start(StepBudget(1000))
    trainer.step, clock.now = 900, clock.now + 9
    bar.show(metrics(900, val_loss=2.25))
    shown = terminal.bar()
    assert cell_len(shown) <= columns
    assert all(part in shown for part in there)
    assert not any(part in shown for part in not_there)
    bar.begin("compiling")
    bar.draw()
    assert "compiling ... 00:00" in terminal.bar()


def test_lines_above_the_bar_break_between_words(
    terminal: Terminal, clock: Clock, trained: Trained
) -> None:
    terminal.resize(40)
    shown = ProgressBar(quiet=False)
    learner = SimpleNamespace(
        model=SimpleNamespace(parameter_count=lambda: 5), precision="fp32",
        device=SimpleNamespace(type="cpu"),
    )  # fmt: skip
    trainer: Any = SimpleNamespace(
        objective=SimpleNamespace(tokenizer=SimpleNamespace(unit="character")), learner=learner,
        run=trained.run, step=1, started=clock.now, budget=StepBudget(2), finished=False,
    )  # fmt: skip
    shown.on_train_start(trainer)
    terminal.shown()
    shown.on_sample(metrics(1, val_loss=2.25), "The owl met the fox and the bear. " * 4)
    shown.on_train_end()
    lines = [line.rpartition("\r")[2].rstrip() for line in terminal.shown().split("\r\n")]
    text = [line for line in lines if line and "|" not in line]
    assert text == [
        "step 1 · 1 s · train 2.500 · val 2.250 ·",
        "21,000 chars/s",
        "  │ The owl met the fox and the bear.",
        "  │ The owl met the fox and the bear. …",
    ]


def test_the_ticker_ticks_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an error of a closed terminal it does not let itself be stopped."""
    monkeypatch.setattr(ticker, "TICK_SECONDS", 0.001)
    ticks, often = [], threading.Event()

    def tick() -> None:
        ticks.append(None)
        if len(ticks) == 3:
            often.set()
        raise OSError("the terminal is gone")

    ticking = Ticker(tick)
    assert often.wait(60)
    ticking.stop()
    count = len(ticks)
    assert len(ticks) == count
