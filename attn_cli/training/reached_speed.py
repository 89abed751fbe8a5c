"""Whether a run that ended on time trained as much as its machine promised at the start."""

from collections.abc import Sequence

from attn_cli.runs.metrics import StepMetrics
from attn_cli.text.display import counted
from attn_cli.training.auto_size import SizeChoice
from attn_cli.training.result import TrainResult

# The fastest of a few steps is measured at the start: most runs reach four fifths of that or more.
FAR_FEWER = 0.7


def speed_in_steps(metrics: Sequence[StepMetrics]) -> float | None:
    """Characters a second while steps were trained, over a whole run; None before the first."""
    chars, seconds, before = 0, 0.0, 0
    for line in metrics:
        if line.chars_per_second > 0:
            chars += line.chars - before
            seconds += (line.chars - before) / line.chars_per_second
        before = line.chars
    return chars / seconds if seconds else None


def shortfall(
    choice: SizeChoice, result: TrainResult, metrics: Sequence[StepMetrics], unit: str
) -> str | None:
    """A line for the user where a run did far fewer steps than planned: by how many, and why.

    Args:
        choice: What was planned for the time, and the speed measured at the start.
        result: What the run came to.
        metrics: All of the run's.
        unit: What is counted, "character" or "byte".

    Returns:
        None where it did about as many, or ended before its time for another reason.
    """
    minutes = choice.config.train.minutes
    on_time = minutes is not None and result.seconds > 0.8 * 60 * minutes
    if result.interrupted or not on_time or not result.chars:
        return None
    if result.chars >= FAR_FEWER * choice.chars:
        return None
    planned = round(choice.chars * result.steps / result.chars)
    steps = f"{counted(result.steps, 'step')}, not about {planned:,}"
    reached = speed_in_steps(metrics)
    if reached is None or reached >= choice.speed:
        return f"{steps}: the start and the evaluations took longer than planned; give it more time"
    return (
        f"slower than measured at the start: {reached:,.0f} {unit}s a second, not "
        f"{choice.speed:,.0f}; so {steps}. Close other programs and train again "
        "(docs/how-to/busy-machine.md)"
    )
