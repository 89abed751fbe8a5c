"""Whoever watches a run: a progress bar, a logger, a test."""

from __future__ import annotations

from typing import Protocol

from attn_cli.model.transformer import Transformer
from attn_cli.runs.metrics import StepMetrics


class Observer(Protocol):
    """Is told of every measurement; nothing that it does changes the run."""

    def began(self, model: Transformer, precision: str, device: str) -> None:
        """The first step is about to be done."""

    def stepped(self, metrics: StepMetrics, total_steps: float) -> None:
        """A line was added to the metrics; `total_steps` is how many there will be."""

    def evaluated(self, metrics: StepMetrics, model: Transformer) -> None:
        """The validation loss was measured; `model` is in evaluation mode."""

    def noticed(self, message: str) -> None:
        """Something that the user should know, in one line."""


class Nobody(Observer):
    """Watches nothing: of several processes one is watched."""

    def began(self, model: Transformer, precision: str, device: str) -> None:
        return

    def stepped(self, metrics: StepMetrics, total_steps: float) -> None:
        return

    def evaluated(self, metrics: StepMetrics, model: Transformer) -> None:
        return

    def noticed(self, message: str) -> None:
        return
