"""What was measured of a run, read from its folder without any weights."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from attn_cli.runs.checkpoint import read_current
from attn_cli.runs.metrics import StepMetrics, nats_to_bits, read_metrics
from attn_cli.runs.run_folder import RunFolder

if TYPE_CHECKING:
    from attn_cli.config.schema import Config, Task
    from attn_cli.runs.checkpoint_metadata import CheckpointMetadata, TextInfo
    from attn_cli.runs.machine import MachineInfo

# What is measured where labels or targets are predicted, by its name in metrics.jsonl.
_RIGHT = ("accuracy", "macro_f1", "error_rate")


@dataclass(frozen=True)
class Measurement:
    """A run as its latest checkpoint describes it.

    Attributes:
        run: Its folder.
        state: The content of the checkpoint's `state.json`.
    """

    run: RunFolder
    state: CheckpointMetadata

    @property
    def config(self) -> Config:
        return self.state.config

    @property
    def seed(self) -> int:
        return self.config.train.seed

    @property
    def task(self) -> Task:
        return self.config.task

    @property
    def val_loss(self) -> float | None:
        """The validation loss of the best step, in nats per character, or per example where
        labels are predicted; None before the first evaluation."""
        return self.state.best_val_loss

    @property
    def bits_per_char(self) -> float | None:
        """The same in bits per character; None where it is of labels."""
        loss = self.val_loss
        return None if loss is None or self.task == "classify" else nats_to_bits(loss)

    @property
    def seconds(self) -> float:
        """Time that the run has taken so far."""
        return self.state.seconds

    @property
    def steps(self) -> int:
        return self.state.step

    @property
    def chars(self) -> int:
        """Characters trained on so far."""
        return self.state.chars

    @property
    def parameters(self) -> int:
        return self.state.parameters

    @property
    def finished(self) -> bool:
        """Whether the run has nothing left to do and was evaluated."""
        return self.state.finished and self.val_loss is not None

    @property
    def machine(self) -> MachineInfo | None:
        """What it was trained on; None where the run does not say."""
        return self.state.machine

    @cached_property
    def metrics(self) -> list[StepMetrics]:
        """The lines of metrics.jsonl, oldest first."""
        return list(read_metrics(self.run.metrics))

    @cached_property
    def right(self) -> dict[str, float]:
        """Accuracy, macro-F1 and error rate at the best step, as far as the task has them."""
        best = next((line for line in self.metrics if line.step == self.state.best_step), None)
        found = {name: getattr(best, f"val_{name}", None) for name in _RIGHT}
        return {name: value for name, value in found.items() if value is not None}

    def value(self, metric: str) -> float | None:
        """The value of `loss`, `accuracy`, `macro_f1` or `error_rate` at the best step."""
        return self.val_loss if metric == "loss" else self.right.get(metric)

    @cached_property
    def evaluated_on(self) -> dict[str, str]:
        """What the validation loss is of: losses compare only where all of this is equal.

        By what it is: the task, the training text, the validation text or how it was split off,
        and the vocabulary. Texts are known by their contents, whatever their files are called.
        """
        data, known = self.config.data, self.state.data
        tokenizer = json.dumps([self.state.tokenizer, data.unknown], sort_keys=True)
        digest = hashlib.sha256(tokenizer.encode()).hexdigest()[:8]
        of_lines = data.records == "lines"
        split = f"the last {data.validation_fraction} of the text"
        if of_lines:
            split = f"{data.validation_fraction} of the lines, split_seed={data.split_seed}"
        if known.validation is not None:
            split = _described(known.validation)
        symbols = self.state.tokenizer.get("symbols")
        vocabulary = f"{len(symbols)} symbols" if symbols else "bytes"
        return {
            "task": self.task,
            "training text": _described(known),
            "validation split": split + (f", too_long={data.too_long}" if of_lines else ""),
            "vocabulary": f"{vocabulary} ({digest}), unknown={data.unknown}",
        }


def _described(text: TextInfo) -> str:
    return f"{text.chars:,} characters ({text.sha256[:8]})"


def read_measurement(run: RunFolder) -> Measurement:
    """What was measured of a run, by its latest checkpoint.

    Raises:
        CheckpointError: It has no checkpoint, or a damaged one.
    """
    _, latest = read_current(lambda: (run, run.checkpoint("latest")), with_weights=False)
    return Measurement(run, latest.metadata)
