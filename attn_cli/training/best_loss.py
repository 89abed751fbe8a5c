"""The lowest validation loss so far, which decides what is kept and when patience ends."""

import math
from dataclasses import dataclass


@dataclass
class BestLoss:
    """The lowest validation loss so far."""

    loss: float = math.inf  # nats per character; infinite before the first evaluation
    step: int = 0  # the step that had it; 0 before the first evaluation
    evaluations_since: int = 0  # evaluations in a row without a better one

    def record(self, loss: float, step: int) -> None:
        """Records the loss of the evaluation after `step` steps."""
        self.evaluations_since += 1
        if loss < self.loss:
            self.loss, self.step, self.evaluations_since = loss, step, 0

    @property
    def known(self) -> float | None:
        """The loss; None before the first evaluation."""
        return self.loss if self.step else None

    def out_of_patience(self, patience: int | None) -> bool:
        """Whether so many evaluations in a row were no better; never where it is None."""
        return patience is not None and self.evaluations_since >= patience
