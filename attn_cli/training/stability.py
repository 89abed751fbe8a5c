"""Watches for divergence: steps with a non-finite loss or gradient, and loss spikes."""

from attn_cli.config.schema import Config
from attn_cli.training.error_reporting import TrainingDivergedError, lower_learning_rates

# One such step may be an accident of its batch; so many in a row are not.
MAX_SKIPPED_STEPS = 10
# Nats above the lowest logged loss of a run: far more than one batch differs from another.
SPIKE_THRESHOLD = 1.0


class StabilityMonitor:
    """Counts skipped steps, and compares each logged loss with the lowest before.

    Args:
        config: The run's, for what to advise.
        consecutive_skips: Steps in a row, up to the last one, that were skipped.
        lowest_loss: The lowest logged training loss so far, nats per character.
    """

    def __init__(
        self, config: Config, consecutive_skips: int = 0, lowest_loss: float | None = None
    ) -> None:
        self.config = config
        self.consecutive_skips = consecutive_skips
        self.lowest_loss = lowest_loss
        self._warned = False

    def record_step(self, applied: bool, step: int) -> None:
        """Counts a step, applied or skipped.

        Raises:
            TrainingDivergedError: Too many in a row were skipped.
        """
        self.consecutive_skips = 0 if applied else self.consecutive_skips + 1
        if self.consecutive_skips >= MAX_SKIPPED_STEPS:
            raise TrainingDivergedError(
                f"training diverged: non-finite loss or gradient in {MAX_SKIPPED_STEPS} "
                f"consecutive steps, the last of them step {step:,}",
                last_applied=step - MAX_SKIPPED_STEPS,
            )

    def check_loss_spike(self, loss: float, step: int) -> str | None:
        """A warning, if the logged loss has risen far above an earlier one."""
        before = self.lowest_loss
        self.lowest_loss = loss if before is None else min(before, loss)
        if before is None or loss < before + SPIKE_THRESHOLD:
            self._warned = False
            return None
        if self._warned:
            return None
        self._warned = True
        return (
            f"loss spike: {loss:.2f} at step {step:,}, after {before:.2f}; "
            "if it does not come down again, try a lower learning rate: "
            + ", ".join(lower_learning_rates(self.config))
        )
