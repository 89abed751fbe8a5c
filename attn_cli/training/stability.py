"""Training that breaks: steps that cannot be applied, and a loss that explodes."""

from __future__ import annotations

from attn_cli.config.schema import TrainConfig
from attn_cli.training.failures import BrokenDownError, smaller_steps

# One broken step may be an accident of its batch; so many in a row are none.
MOST_SKIPPED = 10
# Nats above the lowest loss of a run's lines: far beyond what one batch differs from another.
EXPLODED = 1.0


class Stability:
    """Watches over the steps and losses of a run.

    Args:
        settings: The `train` section, for advice.
        consecutive_skips: Steps that could not be applied before, up to now.
        lowest_loss: Of the lines before, nats per character.
    """

    def __init__(
        self, settings: TrainConfig, consecutive_skips: int = 0, lowest_loss: float | None = None
    ) -> None:
        self.settings = settings
        self.consecutive_skips = consecutive_skips
        self.lowest_loss = lowest_loss
        self._told = False

    def stepped(self, applied: bool, step: int) -> None:
        """Counts a step.

        Raises:
            BrokenDownError: Too many in a row could not be applied.
        """
        self.consecutive_skips = 0 if applied else self.consecutive_skips + 1
        if self.consecutive_skips >= MOST_SKIPPED:
            raise BrokenDownError(
                f"training broke down: at step {step:,} the loss or the gradient was not a number "
                f"for {MOST_SKIPPED} steps in a row, none of which was applied",
                last_applied=step - MOST_SKIPPED,
            )

    def explosion(self, loss: float, step: int) -> str | None:
        """What to tell of the loss of a new line, if it has risen far above an earlier one."""
        before = self.lowest_loss
        self.lowest_loss = loss if before is None else min(before, loss)
        if before is None or loss < before + EXPLODED:
            self._told = False
            return None
        if self._told:
            return None
        self._told = True
        return (
            f"the loss explodes: {loss:.2f} at step {step:,}, after {before:.2f} before; "
            f"if it does not come back, try a smaller step size: {smaller_steps(self.settings)}"
        )
