"""What is measured of the steps between two lines of the metrics."""

from __future__ import annotations

from dataclasses import dataclass

from attn_cli.runs.state import SinceLine
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
        since_line: What a run that goes on had measured since its last line.
    """

    def __init__(self, since_line: SinceLine) -> None:
        self.since_line = since_line

    def add(self, outcome: Outcome, rate: float, seconds: float) -> None:
        """Counts a step, its step size and its seconds."""
        since, applied = self.since_line, outcome.applied
        self.since_line = SinceLine(
            steps=since.steps + applied,
            skipped=since.skipped + (not applied),
            loss=since.loss + (outcome.loss if applied else 0.0),
            norm=outcome.norm if applied else since.norm,
            rate=rate,
            seconds=since.seconds + seconds,
        )

    def read(self) -> Reading:
        """Means and sums of the steps since the last reading; starts anew."""
        since = self.since_line
        reading = Reading(
            loss=since.loss / since.steps if since.steps else None,
            norm=since.norm,
            rate=since.rate,
            seconds=since.seconds,
            steps=since.steps + since.skipped,
            skipped=since.skipped,
        )
        self.since_line = SinceLine()
        return reading
