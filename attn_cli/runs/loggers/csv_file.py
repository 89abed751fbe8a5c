"""`--logger csv`: metrics.csv beside metrics.jsonl, for spreadsheets."""

from __future__ import annotations

import csv
from collections.abc import Mapping

from attn_cli.runs.folder import RunFolder
from attn_cli.runs.metrics import RECORD_KEYS


class CsvLogger:
    """A line of numbers a logged step; what was not measured is empty."""

    def __init__(self, run: RunFolder) -> None:
        self._file = run.csv.open("w", encoding="utf-8", newline="")
        self._rows = csv.DictWriter(self._file, RECORD_KEYS, restval="")
        self._rows.writeheader()

    def line(self, step: int, record: Mapping[str, float]) -> None:
        self._rows.writerow({"step": step, **record})
        self._file.flush()

    def sample(self, step: int, text: str) -> None:
        """A table of numbers has no place for it."""

    def close(self) -> None:
        self._file.close()
