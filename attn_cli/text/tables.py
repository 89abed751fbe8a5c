"""Readers of Parquet, JSON lines, CSV and saved data sets, a few rows at a time.

The text may be larger than memory. Where a reader of `datasets` loads too much, or guesses
the type of a column, it is replaced here, with the reason.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attn_cli.errors import DatasetError
from attn_cli.text.file_kinds import how_to_convert
from attn_cli.text.paths import cache_folder

if TYPE_CHECKING:
    import pyarrow as pa

COMPRESSED = (".gz", ".xz", ".zst", ".bz2")
KINDS = (".parquet", ".jsonl", ".csv")
_CHUNK = 1 << 20  # bytes of a file, or of a few rows, read at a time
_MAX_ROWS = 256  # read at a time


def file_tables(path: Path, column: str | None) -> Iterator["pa.Table"]:
    """The rows of a file as small tables of one column; None: of all, as far as the first."""
    if not path.stat().st_size:
        raise DatasetError(f"{path} is empty", hint="give a data set with rows")
    try:
        readers = {".parquet": _parquet_tables, ".jsonl": _json_tables, ".csv": _csv_tables}
        yield from readers[path.suffix](path, column)
    except Exception as error:  # of whichever library reads it
        raise _unreadable(path, error) from None


def saved_tables(folder: Path, column: str | None) -> Iterator["pa.Table"]:
    """The rows of a data set that `save_to_disk` wrote, mapped from disk."""
    try:
        rows = _datasets().load_from_disk(str(folder), keep_in_memory=False)
        if column is not None:
            rows = rows.select_columns([column])
        yield from rows.with_format("arrow").iter(_MAX_ROWS)
    except Exception as error:  # of whichever library reads it
        raise _unreadable(folder, error) from None


def _parquet_tables(path: Path, column: str | None) -> Iterator["pa.Table"]:
    """The rows of a Parquet file, page by page.

    `datasets` reads a whole row group into memory, and many files have a single one.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, pre_buffer=False, buffer_size=_CHUNK) as file:
        if column is None:
            yield file.schema_arrow.empty_table()
            return
        metadata = file.metadata
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        row_bytes = max(
            (group.total_byte_size // max(group.num_rows, 1) for group in groups), default=0
        )
        rows = min(max(_CHUNK // max(row_bytes, 1), 1), _MAX_ROWS)
        for batch in file.iter_batches(rows, columns=[column], use_threads=False):
            yield pa.Table.from_batches([batch])


def _json_tables(path: Path, column: str | None) -> Iterator["pa.Table"]:
    """The rows of a file of JSON lines.

    `datasets` guesses column types from the first rows, reads texts like "2026-01-01" as
    dates, and fails if a later row has other columns.
    """
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        rows: list[dict[str, Any]] = []
        size = 0
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is not a JSON object")
            if column is not None:
                row = {column: row.get(column)}
                if not isinstance(row[column], str | None):
                    raise ValueError(f"line {number}: its {column!r} is not text")
            rows.append(row)
            size += len(line)
            if len(rows) == _MAX_ROWS or size >= _CHUNK:
                yield _table(rows)
                rows, size = [], 0
                if column is None:
                    return
        if rows:
            yield _table(rows)


def _table(rows: list[dict[str, Any]]) -> "pa.Table":
    import pyarrow as pa

    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # mixed types; a later error names the line
            columns[name] = pa.nulls(len(rows))
    return pa.table(columns)


def _csv_tables(path: Path, column: str | None) -> Iterator["pa.Table"]:
    """The rows of a CSV file, whose first line names the columns."""
    datasets = _datasets()
    # "NA" and "None" are text, and so is "007" in a column of text.
    options: dict[str, Any] = {"keep_default_na": False, "na_values": [""], "chunksize": 1000}
    options["sep"] = _separator(path)
    if column is not None:
        features = datasets.Features({column: datasets.Value("string")})
        options |= {"usecols": [column], "features": features}
    rows = datasets.load_dataset(
        "csv",
        data_files=[str(path)],
        split="train",
        streaming=True,
        cache_dir=str(cache_folder() / "datasets"),
        **options,
    )
    yield from rows.with_format("arrow").iter(_MAX_ROWS)


def _separator(path: Path) -> str:
    """What separates the columns of a CSV file: the likeliest sign of its first line."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = file.readline(_CHUNK)
    return max(",;\t", key=first.count)  # the comma where there is none


def _unreadable(path: Path, error: Exception) -> DatasetError:
    if isinstance(error, UnicodeDecodeError):
        return DatasetError(
            f"{path} is not UTF-8: {error.reason} at byte {error.start}",
            hint=how_to_convert(str(path), "WINDOWS-1252").replace(".txt", path.suffix),
        )
    what = str(error).strip().partition("\n")[0] or type(error).__name__
    return DatasetError(f"cannot read {path}: {what}", hint="give an undamaged data set")


def _datasets() -> Any:
    """The library, offline and without output."""
    os.environ |= {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    }
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    return datasets
