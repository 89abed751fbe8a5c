"""The learning-rate schedule and the end of a run."""

import math
import time

import pytest

from attn_cli.training.budget import StepBudget, TimeBudget
from attn_cli.training.schedule import learning_rate
from tests.conftest import tiny_config


def test_equals_nanogpts_schedule() -> None:
    """Its `get_lr`: warm-up to 1e-3 over 100 steps, cosine to 1e-4 at 2,000."""
    train = tiny_config(
        "train.steps=2000", "train.warmup_steps=100", "train.learning_rate=1e-3"
    ).train
    for step in (0, 1, 99):
        assert learning_rate(step, 2000, train) == pytest.approx(1e-3 * (step + 1) / 101)
    for step in (100, 101, 1000, 1999):
        cosine = 0.5 * (1 + math.cos(math.pi * (step - 100) / 1900))
        assert learning_rate(step, 2000, train) == pytest.approx(1e-4 + cosine * 9e-4)
    assert learning_rate(2000, 2000, train) == 1e-4
    assert learning_rate(5000, 2000, train) == 1e-4


def test_without_warmup_it_begins_at_the_top() -> None:
    train = tiny_config("train.warmup_steps=0", "train.learning_rate=1e-2").train
    assert learning_rate(0, 10, train) == 1e-2


def test_a_run_of_unknown_length_stays_at_the_top() -> None:
    train = tiny_config().train
    assert learning_rate(50, math.inf, train) == train.learning_rate


def test_a_run_shorter_than_its_warmup_rises_and_comes_down() -> None:
    train = tiny_config("train.warmup_steps=100", "train.min_learning_rate=0").train
    rates = [learning_rate(step, 20, train) for step in range(20)]
    assert max(rates) > 0.8 * train.learning_rate
    assert rates[0] < 0.2 * train.learning_rate
    assert rates[-1] < 0.02 * train.learning_rate


def test_step_budget() -> None:
    budget = StepBudget(3)
    assert [budget.exhausted(done) for done in range(5)] == [False, False, False, True, True]
    assert budget.total_steps(1) == 3


class Clock:
    """What the budget takes for `time.monotonic`, in seconds."""

    now = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    return clock


def test_time_budget_plans_by_the_speed_so_far(clock: Clock) -> None:
    budget = TimeBudget(15.0, started=0.0)
    assert budget.total_steps(0) == math.inf
    clock.now = 5.0
    assert budget.total_steps(100) == 300
    assert not budget.exhausted(100)
    clock.now = 15.0
    assert budget.exhausted(300)


def test_time_budget_keeps_what_the_last_evaluation_will_take(clock: Clock) -> None:
    budget = TimeBudget(20.0, started=0.0)
    clock.now = 16.0
    budget.expect_evaluation(1.5)  # and two seconds for a sample
    assert not budget.exhausted(1)
    budget.expect_evaluation(2.5)
    assert budget.exhausted(1)


def test_time_budget_gives_training_at_least_half(clock: Clock) -> None:
    budget = TimeBudget(10.0, started=0.0)
    budget.expect_evaluation(1000.0)
    clock.now = 4.9
    assert not budget.exhausted(1)
    clock.now = 5.0
    assert budget.exhausted(1)


def test_time_budget_spends_a_twentieth_at_most_on_evaluations_before_the_last(
    clock: Clock,
) -> None:
    budget = TimeBudget(1000.0, started=0.0)
    clock.now = 100.0
    budget.expect_evaluation(5.5)
    assert not budget.allows_evaluation(showing=False)
    budget.expect_evaluation(4.5)
    assert budget.allows_evaluation(showing=False)
    assert not budget.allows_evaluation(showing=True)  # two seconds more
    budget.record_evaluation(2.0, 0.5)
    assert budget.allows_evaluation(showing=True)
    budget.record_evaluation(2.0, None)
    assert not budget.allows_evaluation(showing=False)


def test_time_budget_does_not_begin_a_step_that_would_end_late(clock: Clock) -> None:
    budget = TimeBudget(100.0, started=0.0)
    clock.now = 60.0
    budget.record_step(70.0)
    assert not budget.exhausted(1)  # more than half of the next step would be in time
    budget.record_step(90.0)
    assert budget.exhausted(1)


def test_time_budget_ends_after_the_most_steps_and_its_schedule_too(clock: Clock) -> None:
    budget = TimeBudget(100.0, started=0.0, most_steps=7)
    assert budget.total_steps(0) == 7
    assert [budget.exhausted(done) for done in (6, 7)] == [False, True]
