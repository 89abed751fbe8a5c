"""`metrics.jsonl`: one JSON object per logged step."""

import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from attn_cli.runs.atomic_files import append, atomic_write


@dataclass(frozen=True)
class StepMetrics:
    """What was measured at one step.

    Attributes:
        step: Optimizer steps done.
        chars: Characters trained on so far.
        seconds: Time that the run has taken so far.
        train_loss: Mean loss since the last line, nats per character; None where every step
            since then was skipped.
        lr: AdamW's learning rate.
        grad_norm: Norm of the last gradient before clipping; None as for the loss.
        chars_per_second: Training speed since the last line, without evaluation and saving.
        skipped_steps: Steps since the last line that were skipped, because their loss or
            gradient was not finite.
        threads: How many torch computed the last step with.
        val_loss: Exact loss on the validation split, where it was evaluated; nats per character,
            or per example where labels are predicted.
        val_accuracy: The fraction of its labels or targets that were right, where these are
            predicted.
        val_macro_f1: The mean F1 score over labels.
        val_error_rate: Edits over the characters of targets.
    """

    step: int
    chars: int
    seconds: float
    train_loss: float | None
    lr: float
    grad_norm: float | None
    chars_per_second: float
    skipped_steps: int = 0
    threads: int | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    val_macro_f1: float | None = None
    val_error_rate: float | None = None

    @property
    def val_bits_per_char(self) -> float | None:
        """The validation loss in bits per character; None where it is of labels."""
        of_chars = self.val_loss is not None and self.val_macro_f1 is None
        return nats_to_bits(self.val_loss) if of_chars and self.val_loss is not None else None


# Every key that a line may have.
RECORD_KEYS = (*(field.name for field in fields(StepMetrics)), "val_bits_per_char")


def nats_to_bits(nats: float) -> float:
    """Converts nats to bits."""
    return nats / math.log(2)


def validation_text(metrics: StepMetrics) -> str:
    """What an evaluation measured: the loss, and what was right; empty without one."""
    if metrics.val_loss is None:
        return ""
    right = "" if metrics.val_accuracy is None else f", {metrics.val_accuracy:.1%} right"
    edits = "" if metrics.val_error_rate is None else f", error rate {metrics.val_error_rate:.1%}"
    return f"val {metrics.val_loss:.3f}{right}{edits}"


def metrics_line(metrics: StepMetrics) -> str:
    """One line of the file, without its newline."""
    return json.dumps(metrics_record(metrics))


def metrics_record(metrics: StepMetrics) -> dict[str, Any]:
    """The content of a line of the file, without what was not measured."""
    record: dict[str, Any] = {
        key: _rounded(value) for key, value in asdict(metrics).items() if value is not None
    }
    if not metrics.skipped_steps:
        del record["skipped_steps"]
    if metrics.val_bits_per_char is not None:
        record["val_bits_per_char"] = _rounded(metrics.val_bits_per_char)
    return record


def append_metrics(path: Path, line: str) -> None:
    """Adds one line and flushes it to the system at once.

    Raises:
        OSError: It cannot be written; part of the line may be there.
    """
    append(path, line + "\n")


def read_metrics(path: Path) -> Iterator[StepMetrics]:
    """The metrics in a file, oldest first; torn and invalid lines are skipped."""
    for line in _lines(path):
        metrics = _parsed(line)
        if metrics is not None:
            yield metrics


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """The lines as written, digit for digit; torn and invalid lines are skipped."""
    for line in _lines(path):
        if _parsed(line) is not None:
            record = json.loads(line)
            yield {key: record[key] for key in RECORD_KEYS if type(record.get(key)) in _NUMBERS}


def rewind_metrics(path: Path, last_record: str | None) -> None:
    """Truncates the file to what it held when a checkpoint was saved.

    Later and torn lines are removed: the resumed run writes them again.

    Args:
        path: The file.
        last_record: The last line at that time; None where there was none.
    """
    last = None if last_record is None else _parsed(last_record)
    kept, latest = [], 0
    for line in itertools.chain(_lines(path), [] if last_record is None else [last_record]):
        metrics = _parsed(line)
        if last and metrics and latest < metrics.step <= last.step:
            kept.append(line)
            latest = metrics.step
    content = "".join(f"{line}\n" for line in kept).encode()
    size = path.stat().st_size if path.exists() else 0
    if size != len(content) or (size and path.read_bytes() != content):
        atomic_write(path, content)


def _lines(path: Path) -> Iterator[str]:
    """The lines of the file; one too long to be valid is cut into invalid pieces."""
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace") as file:
            while line := file.readline(_MAX_LINE_LENGTH):
                yield line.removesuffix("\n")


_MAX_LINE_LENGTH = 10_000  # characters
_NUMBERS = (int, float)
_FIELDS = frozenset(field.name for field in fields(StepMetrics))


def _parsed(line: str) -> StepMetrics | None:
    try:
        record = json.loads(line)
        numbers = {key: record.get(key) for key in _FIELDS if key in record}
        missing = {"train_loss": None, "grad_norm": None}
        metrics = StepMetrics(**{**missing, **numbers})
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    values = (value for value in asdict(metrics).values() if value is not None)
    return metrics if all(type(value) in _NUMBERS for value in values) else None


def _rounded(value: float) -> float:
    """Seven significant digits: what a 32-bit number holds."""
    return float(f"{value:.7g}") if isinstance(value, float) else value
