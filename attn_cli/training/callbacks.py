"""Callbacks of the trainer: what is told of a run while it trains."""

from __future__ import annotations

from typing import Protocol

from attn_cli.model.transformer import Transformer
from attn_cli.runs.metrics import StepMetrics


class Callback(Protocol):
    """Is called with every measurement; nothing that it does changes the run."""

    def on_train_start(self, model: Transformer, precision: str, device: str) -> None:
        """Training is about to begin, or to be resumed."""

    def on_log(self, metrics: StepMetrics, total_steps: float) -> None:
        """A line was added to metrics.jsonl; `total_steps` is how many steps there will be."""

    def on_evaluate(self, metrics: StepMetrics, model: Transformer) -> None:
        """The validation loss was measured; `model` is in evaluation mode."""

    def on_message(self, message: str) -> None:
        """Something the user should know, in one line."""


class NullCallback(Callback):
    """Does nothing: for the processes other than the main one."""

    def on_train_start(self, model: Transformer, precision: str, device: str) -> None:
        return

    def on_log(self, metrics: StepMetrics, total_steps: float) -> None:
        return

    def on_evaluate(self, metrics: StepMetrics, model: Transformer) -> None:
        return

    def on_message(self, message: str) -> None:
        return
