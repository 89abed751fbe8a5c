"""The `csv` logger: metrics.csv beside metrics.jsonl, for spreadsheets."""

import csv
from collections.abc import Mapping

from attn_cli.runs.metrics import RECORD_KEYS
from attn_cli.runs.run_folder import RunFolder


class CsvLogger:
    """One row per logged step; what was not measured is empty."""

    def __init__(self, run: RunFolder) -> None:
        self._file = run.csv.open("w", encoding="utf-8", newline="")
        self._rows = csv.DictWriter(self._file, RECORD_KEYS, restval="")
        self._rows.writeheader()

    def log_metrics(self, step: int, record: Mapping[str, float]) -> None:
        self._rows.writerow({"step": step, **record})
        self._file.flush()

    def log_text(self, step: int, text: str) -> None:
        """Does nothing: a table of numbers has no column for text."""

    def close(self) -> None:
        self._file.close()
