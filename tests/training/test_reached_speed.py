"""A run that a busy machine kept from what was planned says so."""

from dataclasses import replace

import pytest

from attn_cli.runs.metrics import StepMetrics
from attn_cli.training.auto_size import SizeChoice
from attn_cli.training.reached_speed import shortfall, speed_in_steps
from attn_cli.training.result import TrainResult
from tests.conftest import tiny_config

CHOICE = SizeChoice(tiny_config("train.minutes=1"), (), chars=1_000_000, speed=20_000)
RESULT = TrainResult(200, 200_000, 60.0, 1, 2.0, 200, None, 1000, interrupted=False)


def line(step: int, chars: int, speed: float) -> StepMetrics:
    return StepMetrics(step, chars, 0.0, 2.0, 0.01, 1.0, speed)


METRICS = [line(100, 50_000, 10_000), line(200, 200_000, 5_000)]  # 5 s, then 30 s


def test_the_speed_of_a_run_is_its_characters_over_the_time_of_its_steps() -> None:
    assert speed_in_steps(METRICS) == pytest.approx(200_000 / 35)
    assert speed_in_steps([]) is None


def test_a_slow_run_says_how_slow_and_what_to_do() -> None:
    assert shortfall(CHOICE, RESULT, METRICS, "character") == (
        "slower than measured at the start: 5,714 characters a second, not 20,000; so 200 steps, "
        "not about 1,000. Close other programs and train again (docs/how-to/busy-machine.md)"
    )


def test_a_run_whose_time_went_elsewhere_does_not_blame_its_speed() -> None:
    told = shortfall(CHOICE, RESULT, [line(200, 200_000, 21_000)], "character")
    assert told is not None
    assert told.startswith("200 steps, not about 1,000: the start and the evaluations took longer")


@pytest.mark.parametrize(
    "result",
    [
        replace(RESULT, chars=800_000),  # most of what was planned
        replace(RESULT, seconds=30.0),  # ended early, as out of patience
        replace(RESULT, interrupted=True),
        replace(RESULT, chars=0, steps=0),
    ],
)
def test_a_run_that_did_what_its_time_allowed_says_nothing(result: TrainResult) -> None:
    assert shortfall(CHOICE, result, METRICS, "character") is None
