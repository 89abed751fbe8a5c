"""When a run ends: after a number of steps, or on time."""

from __future__ import annotations

import math
import time
from typing import Protocol

from attn_cli.config.schema import TrainConfig
from attn_cli.training.distributed.world import World

# Time is for training: no more of it is spent on evaluations before the last one.
EVALUATION_SHARE = 0.05
# What a sample and the loss plot take, before the first ones have been timed.
SHOWING_SECONDS = 2.0


def make_budget(
    settings: TrainConfig,
    *,
    chars_per_step: int,
    train_chars: int,
    started: float,
    trained: float,
    world: World,
) -> Budget:
    """The budget that a configuration gives.

    Args:
        settings: The `train` section.
        chars_per_step: Characters of a batch.
        train_chars: Characters of the training text.
        started: A reading of `time.monotonic()`; of a resumed run, as if it had never stopped.
        trained: Seconds that a resumed run had taken before.
        world: The processes that begin and end steps together.
    """
    most_steps = math.inf
    if settings.max_epochs is not None:
        most_steps = max(1, round(settings.max_epochs * train_chars / chars_per_step))
    if settings.minutes is None:
        return StepBudget(int(min(settings.steps, most_steps)))
    return SharedBudget(TimeBudget(60 * settings.minutes, started, trained, most_steps), world)


class Budget(Protocol):
    """How long a run trains: in steps, or in time."""

    def total_steps(self, step: int) -> float:
        """How many steps the run will do, estimated after `step` of them."""
        ...

    def exhausted(self, step: int) -> bool:
        """Whether the run ends here."""
        ...

    def record_step(self, seconds: float) -> None:
        """Learns what a step takes."""
        ...

    def expect_evaluation(self, seconds: float) -> None:
        """Learns what an evaluation will take, before there was one."""
        ...

    def record_evaluation(self, evaluating: float, showing: float | None) -> None:
        """Learns what an evaluation took, and its sample and plot; None where there were none."""
        ...

    def allows_evaluation(self, *, showing: bool) -> bool:
        """Whether there is time for another evaluation before the last, and for its sample."""
        ...


class StepBudget:
    """A given number of steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def total_steps(self, step: int) -> float:
        return self.steps

    def exhausted(self, step: int) -> bool:
        return step >= self.steps

    def record_step(self, seconds: float) -> None:
        return None

    def expect_evaluation(self, seconds: float) -> None:
        return None

    def record_evaluation(self, evaluating: float, showing: float | None) -> None:
        return None

    def allows_evaluation(self, *, showing: bool) -> bool:
        return True


class TimeBudget:
    """A given time for the whole run: the schedule runs over the share of it that has passed.

    Args:
        seconds: From `started` to the end, the last evaluation and checkpoint included.
        started: A reading of `time.monotonic()`; of a resumed run, as if it had never stopped.
        trained: Seconds that a resumed run had taken for the steps before.
        most_steps: After how many steps the run ends in any case.
    """

    def __init__(
        self,
        seconds: float,
        started: float,
        trained: float = 0.0,
        most_steps: float = math.inf,
    ) -> None:
        self.seconds = seconds
        self.started = started
        self.trained = trained
        self.most_steps = most_steps
        self.evaluating = 0.0
        self.showing = SHOWING_SECONDS
        self.reserved = 0.0
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
        return min(in_time, self.most_steps)

    def exhausted(self, step: int) -> bool:
        # Another step that ends too late would break the promise.
        out_of_time = time.monotonic() + 0.5 * self.last_step >= self._end()
        return out_of_time or step >= self.most_steps

    def record_step(self, seconds: float) -> None:
        self.last_step = seconds

    def expect_evaluation(self, seconds: float) -> None:
        self.evaluating = seconds
        self._reserve()

    def record_evaluation(self, evaluating: float, showing: float | None) -> None:
        self.evaluating = evaluating
        self.showing = self.showing if showing is None else showing
        self.spent_evaluating += evaluating + (showing or 0.0)
        self._reserve()

    def allows_evaluation(self, *, showing: bool) -> bool:
        seconds = self.evaluating + (self.showing if showing else 0.0)
        now = time.monotonic()
        share = EVALUATION_SHARE * (now - self.started)
        return self.spent_evaluating + seconds <= share and now + seconds < self._end()

    def _reserve(self) -> None:
        """Keeps the time that the last evaluation will take, and its sample."""
        # However long an evaluation takes, half of the time is for training.
        self.reserved = min(self.evaluating + self.showing, self.seconds / 2)

    def _end(self) -> float:
        return self.started + self.seconds - self.reserved


class SharedBudget:
    """A budget by the clock of the main process, the same in all processes.

    Args:
        budget: The process's own.
        world: The processes that begin and end steps together.
    """

    def __init__(self, budget: Budget, world: World) -> None:
        self._budget = budget
        self._world = world

    def total_steps(self, step: int) -> float:
        return self._world.broadcast(self._budget.total_steps(step))

    def exhausted(self, step: int) -> bool:
        return self._world.broadcast(self._budget.exhausted(step)) > 0

    def record_step(self, seconds: float) -> None:
        self._budget.record_step(seconds)

    def expect_evaluation(self, seconds: float) -> None:
        self._budget.expect_evaluation(seconds)

    def record_evaluation(self, evaluating: float, showing: float | None) -> None:
        self._budget.record_evaluation(evaluating, showing)

    def allows_evaluation(self, *, showing: bool) -> bool:
        return self._world.broadcast(self._budget.allows_evaluation(showing=showing)) > 0
