"""When a run ends: after a number of steps, or on time."""

from __future__ import annotations

import math
import time
from typing import Protocol

from attn_cli.training.distributed.world import World

# Time is for training: no more of it is spent on evaluations before the last one.
EVALUATION_SHARE = 0.05


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

    def record_evaluation(self, seconds: float) -> None:
        """Learns what an evaluation before the last one took."""
        ...

    def reserve(self, seconds: float) -> None:
        """Keeps time for an evaluation after the last step."""
        ...

    def allows_evaluation(self, seconds: float) -> bool:
        """Whether there is time for an evaluation that takes so long, before the last one."""
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

    def record_evaluation(self, seconds: float) -> None:
        return None

    def reserve(self, seconds: float) -> None:
        return None

    def allows_evaluation(self, seconds: float) -> bool:
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
        self.reserved = 0.0
        self.evaluating = 0.0
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

    def record_evaluation(self, seconds: float) -> None:
        self.evaluating += seconds

    def reserve(self, seconds: float) -> None:
        # However long an evaluation takes, half of the time is for training.
        self.reserved = min(seconds, self.seconds / 2)

    def allows_evaluation(self, seconds: float) -> bool:
        now = time.monotonic()
        share = self.evaluating + seconds <= EVALUATION_SHARE * (now - self.started)
        return share and now + seconds < self._end()

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

    def record_evaluation(self, seconds: float) -> None:
        self._budget.record_evaluation(seconds)

    def reserve(self, seconds: float) -> None:
        self._budget.reserve(seconds)

    def allows_evaluation(self, seconds: float) -> bool:
        return self._world.broadcast(self._budget.allows_evaluation(seconds)) > 0
