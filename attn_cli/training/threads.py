"""How many threads torch computes with: fewer on a crowded machine, or for a small model.

Threads that share the work of one operation wait for the slowest of them, and they spin while
they wait. Where other processes want the same cores, or where a model is too small for many
cores, fewer threads are faster, up to a hundred times (benchmarks/LOG.md). Which number is
fastest is measured on the run's own steps.

The last digits of a sum depend on the number of threads. A run that never meets other work
never changes it, and each line of metrics.jsonl says which number its last step had.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch

from attn_cli.training.distributed.world import World

# A process on free cores keeps getting what it got of them; with other work, it gets less.
CROWDED = 0.8
# A change has to be worth a line, and more than noise.
FASTER = 0.9
# Trials that fail may cost this share of the time, whatever one takes.
TRIAL_SHARE = 0.05
SOONEST_TRIAL_SECONDS = 4.0
LATEST_TRIAL_SECONDS = 60.0
# A judgement takes a few steps, but not many slow ones.
WINDOW_STEPS, WINDOW_SECONDS, LONGEST_WINDOW_SECONDS = 3, 0.25, 1.0
# The first step with a new number of threads has to start them.
SEARCH_STEPS = 3
LOOKS, LOOK_SECONDS = 3, 0.06
# Numbers that a thread takes at least: with fewer, torch leaves some threads without work.
CHUNK = 2**16


def free_cores() -> float:
    """How many of torch's threads compute at once: fewer where other work wants the cores.

    The most of a few short looks: a moment's work of another process is no reason to change.
    """
    numbers = torch.ones(torch.get_num_threads() * CHUNK)
    most = 0.0
    for _ in range(LOOKS):
        begin, cpu_begin = time.perf_counter(), time.process_time()
        while time.perf_counter() - begin < LOOK_SECONDS:
            numbers.exp()
        spent = time.process_time() - cpu_begin
        most = max(most, spent / (time.perf_counter() - begin))
        if most > CROWDED * torch.get_num_threads():
            break
    return most


class ThreadSearch:
    """Finds the number of threads with the fastest steps, from all cores downwards.

    Attributes:
        threads: The number to do the next step with; the best one where `done`.
        done: Whether it is found.

    Args:
        most: The number to begin with.
        done: Whether there is nothing to find.
    """

    def __init__(self, most: int, done: bool = False) -> None:
        self.threads = most
        self.done = done or most == 1
        self.seconds: dict[int, float] = {}  # of the fastest step so far, by number of threads
        self._steps = 0

    def record(self, seconds: float) -> None:
        """Counts a step that was done with `threads`."""
        self.seconds[self.threads] = min(seconds, self.seconds.get(self.threads, math.inf))
        self._steps += 1
        if self._steps == SEARCH_STEPS:
            self._steps = 0
            self._choose_next()

    def _choose_next(self) -> None:
        """Halves the number while that makes steps clearly faster.

        Each number that is tried costs a second, in which kernels are made for it.
        """
        tried = sorted(self.seconds)
        if len(tried) > 1 and self.seconds[tried[0]] >= FASTER * self.seconds[tried[1]]:
            self.threads, self.done = tried[1], True
        elif self.threads == 1:
            self.done = True
        else:
            self.threads //= 2


@dataclass
class _Window:
    """A few steps with one number of threads: what they took, and what they computed of it."""

    steps: int = 0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def seconds_per_step(self) -> float:
        return self.wall_seconds / self.steps

    def is_full(self) -> bool:
        enough = self.steps >= WINDOW_STEPS and self.wall_seconds >= WINDOW_SECONDS
        return enough or self.wall_seconds >= LONGEST_WINDOW_SECONDS


class ThreadPolicy:
    """Chooses the number of threads of a run's steps while it trains.

    With more than two cores, the first steps find the fastest number. From then on, steps that
    get clearly less of the processor than their threads could use show that other work wants
    it: fewer threads are tried, and kept if they are faster. While there are fewer, the chosen
    number is tried again from time to time.

    Attributes:
        available: How many threads torch takes by itself.
        threads: The number in use.
        chosen: The number for a machine of its own, saved with the run; None while the first
            steps have not decided it.

    Args:
        setting: A number, which is never changed, or `auto`.
        available: How many threads torch takes by itself.
        chosen: What an earlier part of the run had chosen; None where there is none.
        adapts: Whether `auto` may change anything: on a CPU, in a run of one process.
        set_threads: Tells torch.
        free_cores: Looks how many threads compute at once, of those that torch now has.
    """

    def __init__(
        self,
        setting: Literal["auto"] | int,
        available: int,
        *,
        chosen: int | None = None,
        adapts: bool = True,
        set_threads: Callable[[int], None] = torch.set_num_threads,
        free_cores: Callable[[], float] = free_cores,
    ) -> None:
        self.available = available
        self._set_threads, self._free_cores = set_threads, free_cores
        fixed = setting if setting != "auto" else None
        self._adapts = adapts and fixed is None
        self.chosen: int | None = fixed or (min(chosen, available) if chosen else None)
        if self.chosen is None and (available <= 2 or not self._adapts):
            self.chosen = available
        self._search = ThreadSearch(available)
        self._window = _Window()
        self._trial_of: _Window | None = None  # what a trial is compared with
        self._before_trial = 0
        self._most_had = 0.0  # of cores, by steps with the chosen number of threads
        self._elapsed, self._next_trial = 0.0, 0.0
        self.threads = 0
        self._use(self.chosen or available)
        if self._adapts and self.threads > 1:
            free = self._free_cores()
            if free < CROWDED * self.threads:
                # What the first steps would say of a crowded machine does not hold later.
                self.chosen = self.threads
                self._use(_fewer(self.threads, free))
                self._next_trial = SOONEST_TRIAL_SECONDS

    @property
    def at_chosen(self) -> bool:
        """Whether steps have the number of threads that was chosen for them."""
        return self.threads == self.chosen

    def record_step(self, wall_seconds: float, cpu_seconds: float) -> str | None:
        """Counts a step, and may change the number of threads of those to come.

        Args:
            wall_seconds: What the step took.
            cpu_seconds: What all threads of the process computed meanwhile.

        Returns:
            A line for the user where the number was changed for good.
        """
        self._elapsed += wall_seconds
        if not self._adapts:
            return None
        if self.chosen is None:
            return self._search_further(wall_seconds)
        window = self._window
        window.steps += 1
        window.wall_seconds += wall_seconds
        window.cpu_seconds += cpu_seconds
        if not window.is_full():
            return None
        self._window = _Window()
        if self._trial_of is not None:
            return self._judge_trial(window, self._trial_of)
        if self._elapsed >= self._next_trial:
            self._consider_trial(window)
        return None

    def new_search(self) -> ThreadSearch:
        """A search for the number of another model's steps; done where this one's is known."""
        return ThreadSearch(self.threads, done=self.chosen is not None)

    @contextmanager
    def using(self, threads: int) -> Iterator[None]:
        """Context manager: torch computes with another number of threads meanwhile."""
        before = self.threads
        self._use(threads)
        try:
            yield
        finally:
            self._use(before)

    def release(self) -> None:
        """Gives torch back the number that it takes by itself."""
        self._use(self.available)

    def _search_further(self, seconds: float) -> str | None:
        search = self._search
        search.record(seconds)
        self._use(search.threads)
        if not search.done:
            return None
        self.chosen = search.threads
        most = max(search.seconds)
        if self.chosen == most:
            return None
        gain = search.seconds[most] / search.seconds[self.chosen]
        return (
            f"{_count(self.chosen)}: {gain:.1f} times as fast here as {most} "
            f"(train.threads={most} takes all)"
        )

    def _consider_trial(self, window: _Window) -> None:
        """Begins to try fewer threads where cores are crowded, and the chosen number later."""
        assert self.chosen is not None
        had = window.cpu_seconds / window.wall_seconds  # cores, on average
        before = self.threads
        if before == self.chosen:
            self._most_had = max(had, self._most_had)
        if before < self.chosen:
            # A look is cheaper than a step that is a hundred times slower.
            self._use(self.chosen)
            if self._free_cores() < CROWDED * self.chosen:
                self._use(before)
                self._next_trial = self._elapsed + SOONEST_TRIAL_SECONDS
                return
        elif before > 1 and had < CROWDED * self._most_had:
            self._use(_fewer(before, had))
        else:
            return
        self._trial_of, self._before_trial = window, before

    def _judge_trial(self, trial: _Window, before: _Window) -> str | None:
        """Keeps what was tried if it is faster, else goes back, and tries again later."""
        self._trial_of = None
        faster = trial.seconds_per_step < FASTER * before.seconds_per_step
        self._next_trial = self._elapsed + SOONEST_TRIAL_SECONDS
        if not faster:
            # Another trial will cost as much.
            wait = min(trial.wall_seconds / TRIAL_SHARE, LATEST_TRIAL_SECONDS)
            self._next_trial = self._elapsed + max(wait, SOONEST_TRIAL_SECONDS)
            self._use(self._before_trial)
            return None
        gain = before.seconds_per_step / trial.seconds_per_step
        if self.threads < self._before_trial:
            return f"other work on the cores: {_count(self.threads)}, {gain:.1f} times as fast"
        return f"the cores are free again: {_count(self.threads)}, {gain:.1f} times as fast"

    def _use(self, threads: int) -> None:
        if threads != self.threads:
            self._set_threads(threads)
            self.threads = threads


def _fewer(threads: int, had: float) -> int:
    """How many of as many cores as `threads` other work leaves free, at least 1.

    Where N threads and k others share N cores alike, the threads get N · N / (N + k) of them.
    """
    others = threads * threads / had - threads
    return max(1, min(threads - 1, round(threads - others)))


def _count(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def choose_threads(
    setting: Literal["auto"] | int,
    device: torch.device,
    world: World,
    *,
    chosen: int | None = None,
) -> ThreadPolicy:
    """The policy of a run that is about to begin, with as many threads as there are free cores.

    Args:
        setting: `train.threads`.
        device: Where the run computes.
        world: The processes that train together: all have to compute the same to the last
            digit, so several keep the number that they begin with.
        chosen: What an earlier part of the run had chosen.
    """
    adapts = device.type == "cpu" and world.world_size == 1
    return ThreadPolicy(setting, torch.get_num_threads(), chosen=chosen, adapts=adapts)
