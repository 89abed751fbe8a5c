"""What is measured of the steps between two lines of the metrics."""

from __future__ import annotations

from dataclasses import dataclass

from attn_cli.runs.checkpoint_metadata import PendingMetrics
from attn_cli.training.step import Outcome


@dataclass(frozen=True)
class Reading:
    """What a meter says of the steps since it was read before.

    Attributes:
        loss: Mean training loss of the steps that were applied, nats per character;
            None where none was.
        norm: Length of the last gradient that was applied, before clipping.
        rate: The last step size.
        seconds: Time in steps.
        steps: How many, applied or not.
        skipped: How many were not applied.
    """

    loss: float | None
    norm: float | None
    rate: float
    seconds: float
    steps: int
    skipped: int


class Meter:
    """Sums over the steps since it was read last.

    Args:
        pending: What a run that goes on had measured since its last line.
    """

    def __init__(self, pending: PendingMetrics) -> None:
        self.pending = pending

    def add(self, outcome: Outcome, rate: float, seconds: float) -> None:
        """Counts a step, its step size and its seconds."""
        since, applied = self.pending, outcome.applied
        self.pending = PendingMetrics(
            steps=since.steps + applied,
            skipped=since.skipped + (not applied),
            loss_sum=since.loss_sum + (outcome.loss if applied else 0.0),
            grad_norm=outcome.norm if applied else since.grad_norm,
            learning_rate=rate,
            seconds=since.seconds + seconds,
        )

    def read(self) -> Reading:
        """Means and sums of the steps since the last reading; starts anew."""
        since = self.pending
        reading = Reading(
            loss=since.loss_sum / since.steps if since.steps else None,
            norm=since.grad_norm,
            rate=since.learning_rate,
            seconds=since.seconds,
            steps=since.steps + since.skipped,
            skipped=since.skipped,
        )
        self.pending = PendingMetrics()
        return reading
