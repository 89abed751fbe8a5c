"""`metrics.jsonl`: one JSON object a logged step."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class StepMetrics:
    """What was measured at one step.

    Attributes:
        step: Optimizer steps done.
        chars: Characters trained on so far.
        seconds: Time since the start of the run.
        train_loss: Mean loss since the last line, nats per character.
        lr: The step size.
        grad_norm: Length of the gradient before clipping.
        chars_per_second: Training speed since the last line, without evaluation and saving.
        val_loss: Exact loss on the validation split, where it was evaluated.
    """

    step: int
    chars: int
    seconds: float
    train_loss: float
    lr: float
    grad_norm: float
    chars_per_second: float
    val_loss: float | None = None

    @property
    def val_bits_per_char(self) -> float | None:
        """The validation loss in bits."""
        return None if self.val_loss is None else bits(self.val_loss)


def bits(nats: float) -> float:
    """Nats to bits."""
    return nats / math.log(2)


def append_metrics(path: Path, metrics: StepMetrics) -> None:
    """Adds one line, flushed to the system at once."""
    record = {key: _rounded(value) for key, value in asdict(metrics).items() if value is not None}
    if metrics.val_bits_per_char is not None:
        record["val_bits_per_char"] = _rounded(metrics.val_bits_per_char)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def read_metrics(path: Path) -> Iterator[StepMetrics]:
    """The lines of a run, oldest first."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            record.pop("val_bits_per_char", None)
            yield StepMetrics(**record)


def _rounded(value: float) -> float:
    """Seven significant digits: what a 32-bit number holds."""
    return float(f"{value:.7g}") if isinstance(value, float) else value
