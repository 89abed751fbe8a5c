"""A model about to leave: the best checkpoint of a run, and what other tools have to be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from attn_cli.config.schema import ModelConfig
from attn_cli.runs.checkpoint import Checkpoint, read_checkpoint
from attn_cli.runs.finding import find_run
from attn_cli.runs.folder import RunFolder
from attn_cli.runs.metrics import StepMetrics, read_metrics
from attn_cli.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Leaving:
    """A model about to leave.

    Attributes:
        folder: Its run.
        checkpoint: The one of the run's checkpoints that it is.
    """

    folder: RunFolder
    checkpoint: Checkpoint

    @property
    def name(self) -> str:
        """That of the run's folder; the folders around it are nobody's business."""
        return self.folder.path.resolve().name

    @property
    def origin(self) -> str:
        """Where it comes from, for people."""
        return f"{self.folder.path}, step {self.checkpoint.state.step:,}"

    @property
    def config(self) -> ModelConfig:
        """The shape of the model."""
        return self.checkpoint.config.model

    @property
    def tokenizer(self) -> Tokenizer:
        """Its vocabulary."""
        return self.checkpoint.tokenizer

    @property
    def start_id(self) -> int:
        """What a text begins after; for us, an empty prompt is this."""
        return self.checkpoint.state.data.start_id

    @property
    def end_id(self) -> int | None:
        """What ends a text; None where the model has learned from a single one."""
        separator = self.tokenizer.separator_id
        is_form_feed = self.tokenizer.symbols[separator] == "\f"
        return separator if is_form_feed and self.start_id == separator else None

    @property
    def replacement(self) -> str:
        """What stands for a character that is not in the vocabulary, as with `unknown: replace`."""
        symbols = self.tokenizer.symbols
        return next((symbol for symbol in ("?", " ") if symbol in symbols), symbols[0])

    def measured(self) -> StepMetrics | None:
        """What was measured at the checkpoint's step; None where that is not there."""
        step = self.checkpoint.state.step
        lines = [line for line in read_metrics(self.folder.metrics) if line.step == step]
        return lines[-1] if lines else None


def leaving(run: Path | None) -> Leaving:
    """The model of a run, of the newest one when None; the same that `attn generate` takes.

    Raises:
        CheckpointError: There is none.
    """
    folder = find_run(run)
    return Leaving(folder, read_checkpoint(folder.to_use()))
