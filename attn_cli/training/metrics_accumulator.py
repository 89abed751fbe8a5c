"""Training metrics, accumulated between two lines of metrics.jsonl."""

from dataclasses import dataclass

from attn_cli.runs.checkpoint_metadata import PendingMetrics
from attn_cli.training.step import StepResult


@dataclass(frozen=True)
class IntervalMetrics:
    """The metrics of the steps since the last line.

    Attributes:
        loss: Mean training loss of the applied steps, nats per character;
            None where none was.
        grad_norm: Gradient norm of the last applied step, before clipping.
        learning_rate: Of the last step.
        seconds: Time spent in steps.
        steps: How many, applied or skipped.
        chars: How many characters they predicted.
        skipped: How many were skipped: loss or gradient was not finite.
    """

    loss: float | None
    grad_norm: float | None
    learning_rate: float
    seconds: float
    steps: int
    chars: int
    skipped: int


class MetricsAccumulator:
    """Sums over the steps since the last line.

    Args:
        pending: What a resumed run had measured since its last line.
    """

    def __init__(self, pending: PendingMetrics) -> None:
        self.pending = pending

    def add(self, result: StepResult, learning_rate: float, seconds: float) -> None:
        """Adds a step, its learning rate and its duration in seconds."""
        since, applied = self.pending, result.applied
        self.pending = PendingMetrics(
            steps=since.steps + applied,
            skipped=since.skipped + (not applied),
            chars=since.chars + result.chars,
            loss_sum=since.loss_sum + (result.loss if applied else 0.0),
            grad_norm=result.grad_norm if applied else since.grad_norm,
            learning_rate=learning_rate,
            seconds=since.seconds + seconds,
        )

    def take(self) -> IntervalMetrics:
        """The metrics since the last call; resets the sums."""
        since = self.pending
        metrics = IntervalMetrics(
            loss=since.loss_sum / since.steps if since.steps else None,
            grad_norm=since.grad_norm,
            learning_rate=since.learning_rate,
            seconds=since.seconds,
            steps=since.steps + since.skipped,
            chars=since.chars,
            skipped=since.skipped,
        )
        self.pending = PendingMetrics()
        return metrics
