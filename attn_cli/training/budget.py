"""When a run ends: after a number of steps, or on time."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod

from attn_cli.config.schema import TrainConfig
from attn_cli.training.distributed.world import SINGLE_PROCESS, World

# Time is for training: no more of it is spent on evaluations before the last one.
EVALUATION_SHARE = 0.05
# What a sample and the loss plot take, before the first ones have been timed.
SHOWING_SECONDS = 2.0


class Budget(ABC):
    """How long a run trains: in steps, or in time."""

    @abstractmethod
    def total_steps(self, step: int) -> float:
        """How many steps the run will do, estimated after `step` of them."""

    @abstractmethod
    def exhausted(self, step: int) -> bool:
        """Whether the run ends here."""

    @abstractmethod
    def fraction_done(self, step: int) -> float:
        """How much of the run is done after `step` steps, by this process's clock: 0 to 1."""

    def record_step(self, seconds: float) -> None:
        """Learns what a step takes."""
        return

    def expect_evaluation(self, seconds: float) -> None:
        """Learns what an evaluation will take, before there was one."""
        return

    def record_evaluation(self, evaluating: float, showing: float | None) -> None:
        """Learns what an evaluation took, and its sample and plot; None where there were none."""
        return

    def allows_evaluation(self, *, showing: bool) -> bool:
        """Whether there is time for another evaluation before the last, and for its sample."""
        return True


class StepBudget(Budget):
    """A given number of steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def total_steps(self, step: int) -> float:
        return self.steps

    def exhausted(self, step: int) -> bool:
        return step >= self.steps

    def fraction_done(self, step: int) -> float:
        return min(1.0, step / self.steps)


class TimeBudget(Budget):
    """A given time for the whole run: the schedule runs over the share of it that has passed.

    Args:
        seconds: From `started` to the end, the last evaluation and checkpoint included.
        started: A reading of `time.monotonic()`; of a resumed run, as if it had never stopped.
        trained: Seconds that a resumed run had taken for the steps before.
        most_steps: After how many steps the run ends in any case.
        world: The processes that begin and end steps together, by the clock of the first.
    """

    def __init__(
        self,
        seconds: float,
        started: float,
        trained: float = 0.0,
        most_steps: float = math.inf,
        world: World = SINGLE_PROCESS,
    ) -> None:
        self.seconds = seconds
        self.started = started
        self.trained = trained
        self.most_steps = most_steps
        self.world = world
        self.evaluating = 0.0
        self.showing = SHOWING_SECONDS
        self.spent_evaluating = 0.0
        self.first_step: float | None = None
        self.last_step = 0.0

    def total_steps(self, step: int) -> float:
        """At the speed so far; unbounded before the first step has shown a speed."""
        now = time.monotonic()
        if self.first_step is None:
            self.first_step = now
        trained = self.trained + now - self.first_step
        left = max(0.0, self._end() - now)
        in_time = step * (1.0 + left / trained) if step and trained > 0 else math.inf
        return self.world.broadcast(min(in_time, self.most_steps))

    def exhausted(self, step: int) -> bool:
        # Another step that ends too late would break the promise.
        out_of_time = time.monotonic() + 0.5 * self.last_step >= self._end()
        return self.world.broadcast(out_of_time or step >= self.most_steps) > 0

    def fraction_done(self, step: int) -> float:
        in_time = (time.monotonic() - self.started) / self.seconds
        return min(1.0, max(in_time, step / self.most_steps))

    def record_step(self, seconds: float) -> None:
        self.last_step = seconds

    def expect_evaluation(self, seconds: float) -> None:
        self.evaluating = seconds

    def record_evaluation(self, evaluating: float, showing: float | None) -> None:
        self.evaluating = evaluating
        self.showing = self.showing if showing is None else showing
        self.spent_evaluating += evaluating + (showing or 0.0)

    def allows_evaluation(self, *, showing: bool) -> bool:
        seconds = self.evaluating + (self.showing if showing else 0.0)
        now = time.monotonic()
        share = EVALUATION_SHARE * (now - self.started)
        in_time = self.spent_evaluating + seconds <= share and now + seconds < self._end()
        return self.world.broadcast(in_time) > 0

    def _end(self) -> float:
        """When the last evaluation has to begin, and its sample."""
        # However long an evaluation takes, half of the time is for training.
        reserved = min(self.evaluating + self.showing, self.seconds / 2) if self.evaluating else 0.0
        return self.started + self.seconds - reserved


def make_budget(
    settings: TrainConfig,
    *,
    steps_per_epoch: float,
    started: float,
    trained: float,
    world: World,
) -> Budget:
    """The budget that a configuration gives.

    Args:
        settings: The `train` section.
        steps_per_epoch: Steps after which all of the training split was visited once.
        started: A reading of `time.monotonic()`; of a resumed run, as if it had never stopped.
        trained: Seconds that a resumed run had taken before.
        world: The processes that begin and end steps together.
    """
    most_steps = math.inf
    if settings.max_epochs is not None:
        most_steps = max(1, round(settings.max_epochs * steps_per_epoch))
    if settings.minutes is None:
        return StepBudget(int(min(settings.steps, most_steps)))
    return TimeBudget(60 * settings.minutes, started, trained, most_steps, world)
