"""The bar of a run: drawn again by the clock, however long a step takes."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Never

from rich.cells import cell_len
from tqdm import tqdm

from attn_cli.cli.ticker import Ticker
from attn_cli.runs.metrics import validation_text
from attn_cli.training.budget import StepBudget

if TYPE_CHECKING:
    from attn_cli.runs.metrics import StepMetrics
    from attn_cli.training.callbacks import Phase
    from attn_cli.training.trainer import Trainer

_FORMAT = "{percentage:3.0f}%|{bar}| {desc}"
MIN_BAR = 14  # columns, with the percentage before it
USUAL_COLUMNS = 92


class Bar:
    """How far a run is, as the fraction of its steps, or of its time where that is what ends it."""

    def __init__(self, trainer: Trainer, unit: str) -> None:
        self._trainer = trainer
        self._unit = unit
        self._first_step = trainer.step
        self._metrics: StepMetrics | None = None
        self._val = ""  # what the last evaluation measured
        self._phase: Phase = "steps"
        self._phase_began = time.monotonic()
        self._pace = _Pace(self._phase_began, trainer.budget.fraction_done(trainer.step))
        self._tqdm: tqdm[Never] = tqdm(
            total=1.0, bar_format=_FORMAT, dynamic_ncols=True, file=sys.stderr
        )
        self.draw()
        self._ticker = Ticker(self.draw)

    def begin(self, phase: Phase) -> None:
        """Shows what the run does from now on."""
        now = time.monotonic()
        if self._phase == "compiling":  # which says nothing of how long steps take
            self._pace.leave_out(now - self._phase_began)
        self._phase, self._phase_began = phase, now

    def show(self, metrics: StepMetrics) -> None:
        """Shows the measurements of a step."""
        self._metrics = metrics
        self._val = validation_text(metrics) or self._val
        self.draw()

    def write(self, text: str) -> None:
        """Writes a line above the bar."""
        with contextlib.suppress(OSError):  # a terminal that was closed
            self._tqdm.write(text, file=sys.stderr)

    def close(self) -> None:
        """Leaves the bar as it is now."""
        self._ticker.stop()
        self.draw()
        self._tqdm.close()

    def draw(self) -> None:
        """Draws the bar as it is now."""
        now, trainer = time.monotonic(), self._trainer
        fraction = 1.0 if trainer.finished else trainer.budget.fraction_done(trainer.step)
        self._tqdm.n = fraction
        self._tqdm.set_description_str(self._text(fraction, now), refresh=False)
        self._tqdm.refresh()

    def _text(self, fraction: float, now: float) -> str:
        """What stands behind the bar; what does not fit is left out."""
        step, budget = self._trainer.step, self._trainer.budget
        count = f"{step:,}/{budget.steps:,}" if isinstance(budget, StepBudget) else f"step {step:,}"
        left = self._pace.seconds_left(fraction, now)
        room = terminal_columns() - MIN_BAR
        first = step == self._first_step and not self._trainer.finished
        if self._phase != "steps" or first:
            what = "first step" if self._phase == "steps" else self._phase
            doing = f"{what} ... {_clock(now - self._phase_began)}"
            return f"{count}, {doing}" if cell_len(f"{count}, {doing}") <= room else doing
        clock = f" [{_clock(now - self._trainer.started)}<{'?' if left is None else _clock(left)}]"
        parts = [count, *self._measurements()]
        while len(parts) > 1 and cell_len(", ".join(parts) + clock) > room:
            parts.pop()
        return ", ".join(parts) + clock

    def _measurements(self) -> Iterator[str]:
        """How well the model does, and how fast; the least important last."""
        if self._metrics is not None:
            yield train_loss(self._metrics)
        if self._val:
            yield self._val
        if self._metrics is not None:
            yield f"{self._metrics.chars_per_second / 1000:.1f}k {self._unit}/s"


class _Pace:
    """Judges how long a run will still take by how far it has come in this process."""

    def __init__(self, began: float, fraction: float) -> None:
        self._began = began  # a reading of `time.monotonic()`
        self._first = self._last = fraction
        self._left: tuple[float, float] | None = None  # seconds, and when that was judged

    def leave_out(self, seconds: float) -> None:
        """Lets what has just passed count for nothing."""
        self._began += seconds

    def seconds_left(self, fraction: float, now: float) -> float | None:
        """Seconds until a run is done of which so much is; None before it has come any further.

        Between two steps it counts down.
        """
        if fraction > self._last:
            gained = fraction - self._first
            self._left = ((now - self._began) * (1.0 - fraction) / gained, now)
            self._last = fraction
        return None if self._left is None else max(0.0, self._left[0] - (now - self._left[1]))


def _clock(seconds: float) -> str:
    return tqdm.format_interval(round(seconds))


def train_loss(metrics: StepMetrics) -> str:
    return "train -" if metrics.train_loss is None else f"train {metrics.train_loss:.3f}"


def terminal_columns() -> int:
    """The width of the terminal at standard error; a comfortable one where there is none."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):  # no terminal, or a closed one
        columns = 0
    return columns or USUAL_COLUMNS
