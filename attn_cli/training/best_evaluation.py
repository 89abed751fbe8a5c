"""The best evaluation so far, which decides what is kept and when patience ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from attn_cli.config.schema import LOWER_IS_BETTER

LAST = "last"  # a later one is better


class Measured(Protocol):
    """An evaluation: its loss, and by their names the other metrics that it has."""

    @property
    def loss(self) -> float: ...


@dataclass
class BestEvaluation:
    """The best evaluation so far.

    Attributes:
        by: What decides, as `train.best_by` names it.
        step: The step that was evaluated; 0 before the first evaluation.
        loss: The validation loss there; None before the first.
        metric: The value of `by` there.
        evaluations_since: Evaluations in a row without a better one.
    """

    by: str = "loss"
    step: int = 0
    loss: float | None = None
    metric: float | None = None
    evaluations_since: int = 0

    def record(self, evaluation: Measured, step: int) -> None:
        """Records the evaluation after `step` steps."""
        metric: float = step if self.by == LAST else getattr(evaluation, self.by)
        self.evaluations_since += 1
        if self.metric is None or self._is_better(metric, self.metric):
            self.step, self.loss, self.metric = step, evaluation.loss, metric
            self.evaluations_since = 0

    def out_of_patience(self, patience: int | None) -> bool:
        """Whether so many evaluations in a row were no better; never where it is None."""
        return patience is not None and self.evaluations_since >= patience

    def _is_better(self, metric: float, than: float) -> bool:
        return metric < than if self.by in LOWER_IS_BETTER else metric > than
