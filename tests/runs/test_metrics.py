"""metrics.jsonl: what is written is read, what is torn is skipped, and a resumed run rewinds it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attn_cli.runs.metrics import (
    StepMetrics,
    append_metrics,
    metrics_line,
    metrics_record,
    read_metrics,
    read_records,
    rewind_metrics,
)


def measured(step: int, val_loss: float | None = None) -> StepMetrics:
    return StepMetrics(step, 10 * step, 0.5 * step, 2.0, 0.1, 1.0, 20.0, val_loss=val_loss)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Lines of the steps 1 to 4, as a run writes them."""
    for step in range(1, 5):
        append_metrics(tmp_path / "metrics.jsonl", metrics_line(measured(step)))
    return tmp_path / "metrics.jsonl"


def test_what_was_not_measured_is_left_out() -> None:
    record = metrics_record(measured(3))
    assert not record.keys() & {"skipped_steps", "val_loss", "val_bits_per_char", "threads"}
    skipped = StepMetrics(3, 30, 1.5, None, 0.1, None, 20.0, skipped_steps=2, val_loss=1.0)
    record = metrics_record(skipped)
    assert not record.keys() & {"train_loss", "grad_norm"}
    assert record["skipped_steps"] == 2
    assert record["val_bits_per_char"] == 1.442695


def test_numbers_are_written_to_seven_digits() -> None:
    record = json.loads(metrics_line(measured(3, val_loss=1 / 3)))
    assert record["val_loss"] == 0.3333333
    assert type(record["step"]) is int


@pytest.mark.parametrize(
    "line", ["", "{", "[]", "3", "null", '{"step": 9}', '{"step": "9"}', "[" * 9999, "9" * 99999]
)
def test_a_line_that_is_none_is_skipped(path: Path, line: str) -> None:
    append_metrics(path, line)
    append_metrics(path, metrics_line(measured(5, val_loss=1.0)))
    assert list(read_metrics(path)) == [*map(measured, range(1, 5)), measured(5, val_loss=1.0)]
    assert [record["step"] for record in read_records(path)] == [1, 2, 3, 4, 5]
    assert not list(read_metrics(path.with_name("none")))


def test_a_line_with_another_type_or_of_any_length_is_skipped(path: Path) -> None:
    line = metrics_line(measured(5))
    append_metrics(path, json.dumps({**json.loads(line), "train_loss": "low"}))
    append_metrics(path, "{" + " " * 20_000 + line[1:])
    assert list(read_metrics(path)) == [*map(measured, range(1, 5))]


def test_a_record_has_known_numbers_only(path: Path) -> None:
    line = json.loads(metrics_line(measured(5)))
    append_metrics(path, json.dumps({**line, "note": 3, "val_loss": None}))
    assert list(read_records(path))[-1] == line


def test_rewinding_removes_later_and_torn_lines(path: Path) -> None:
    before = path.read_text()
    path.write_text(before.replace("\n", "\ntorn\n", 1) + before)
    rewind_metrics(path, metrics_line(measured(3)))
    assert path.read_text() == "".join(f"{metrics_line(measured(step))}\n" for step in (1, 2, 3))


def test_rewinding_brings_back_a_last_line_that_was_lost(path: Path) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2]) + lines[2][:20])
    rewind_metrics(path, metrics_line(measured(3)))
    assert path.read_text() == "".join(lines[:3])


def test_rewinding_to_the_start_empties_the_file(path: Path) -> None:
    rewind_metrics(path, None)
    assert path.read_text() == ""
    rewind_metrics(path.with_name("none"), None)
    assert not path.with_name("none").exists()
