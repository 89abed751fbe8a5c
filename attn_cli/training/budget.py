"""When a run ends: after a number of steps, or on time."""

from __future__ import annotations

import math
import time
from typing import Protocol

from attn_cli.training.distributed.world import World


class Budget(Protocol):
    """How much of a run is done, and how much there is."""

    def total_steps(self, done: int) -> float:
        """How many steps the run will do, seen after `done` of them."""
        ...

    def spent(self, done: int) -> bool:
        """Whether the run ends here."""
        ...

    def record_step(self, seconds: float) -> None:
        """Learns what a step takes."""
        ...

    def reserve(self, seconds: float) -> None:
        """Keeps time for an evaluation after the last step."""
        ...

    def has_room(self) -> bool:
        """Whether there is time for an evaluation before the last one."""
        ...


class StepBudget:
    """A given number of steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def total_steps(self, done: int) -> float:
        return self.steps

    def spent(self, done: int) -> bool:
        return done >= self.steps

    def reserve(self, seconds: float) -> None:
        return None

    def has_room(self) -> bool:
        return True

    def record_step(self, seconds: float) -> None:
        return None


class TimeBudget:
    """A given time for the whole run: the schedule runs over the share of it that has passed.

    Args:
        seconds: From `started` to the end, the last evaluation and checkpoint included.
        started: A reading of `time.monotonic()`; of a run that goes on, as if it had
            never stopped.
        trained: Seconds that a run that goes on had taken for the steps before.
    """

    def __init__(self, seconds: float, started: float, trained: float = 0.0) -> None:
        self.seconds = seconds
        self.started = started
        self.trained = trained
        self.reserved = 0.0
        self.reserved_at = started
        self.first_step: float | None = None
        self.last_step = 0.0

    def total_steps(self, done: int) -> float:
        """At the speed so far; unbounded before the first step has shown a speed."""
        now = time.monotonic()
        if self.first_step is None:
            self.first_step = now
        trained = self.trained + now - self.first_step
        left = max(0.0, self._end() - now)
        return done * (1.0 + left / trained) if done and trained > 0 else math.inf

    def record_step(self, seconds: float) -> None:
        self.last_step = seconds

    def spent(self, done: int) -> bool:
        # Another step that ends too late would break the promise.
        return time.monotonic() + 0.5 * self.last_step >= self._end()

    def reserve(self, seconds: float) -> None:
        # Whatever an evaluation takes, half of the time is for training.
        self.reserved = min(seconds, self.seconds / 2)
        self.reserved_at = time.monotonic()

    def has_room(self) -> bool:
        now = time.monotonic()
        # Time is for training: a tenth of it, at most, for looking how it goes.
        seldom = now - self.reserved_at > 10 * self.reserved
        return seldom and now + self.reserved < self._end()

    def _end(self) -> float:
        return self.started + self.seconds - self.reserved


class AgreedBudget:
    """A budget of which all processes know what the first one's clock says.

    Args:
        budget: The process's own.
        world: The processes that begin and end steps together.
    """

    def __init__(self, budget: Budget, world: World) -> None:
        self._budget = budget
        self._world = world

    def total_steps(self, done: int) -> float:
        return self._world.broadcast(self._budget.total_steps(done))

    def spent(self, done: int) -> bool:
        return self._world.broadcast(self._budget.spent(done)) > 0

    def record_step(self, seconds: float) -> None:
        self._budget.record_step(seconds)

    def reserve(self, seconds: float) -> None:
        self._budget.reserve(seconds)

    def has_room(self) -> bool:
        return self._world.broadcast(self._budget.has_room()) > 0
