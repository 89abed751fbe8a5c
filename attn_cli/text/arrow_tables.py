"""Parquet files and data sets of `datasets.save_to_disk`, a few rows at a time."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attn_cli.errors import DatasetError
from attn_cli.packages import require_package

_CHUNK = 1 << 20  # bytes of a file, or of a few rows, read at a time
_MAX_ROWS = 256  # read at a time


class ParquetTable:
    """A Parquet file.

    `datasets` reads a whole row group into memory, and many files have a single one: this one
    is read page by page.

    Attributes:
        name: What to call it in an error.
        columns: The names of its columns.
        notes: None.

    Raises:
        DatasetError: It cannot be read.
        MissingPackageError: pyarrow is not installed.
    """

    unit = "row"
    notes: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        require_package(f"{path}, a Parquet table,", "pyarrow")
        self.name = str(path)
        self._path = path
        with self._open() as file:
            self.columns = tuple(file.schema_arrow.names)

    def rows(self, positions: Sequence[int]) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """The values of some columns, None where there is none, with the number of each row.

        Args:
            positions: Of the columns, from 0.

        Raises:
            DatasetError: It is damaged.
        """
        names = [self.columns[position] for position in positions]
        with self._open() as file:
            metadata = file.metadata
            groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
            row_bytes = max(
                (group.total_byte_size // max(group.num_rows, 1) for group in groups), default=0
            )
            size = min(max(_CHUNK // max(row_bytes, 1), 1), _MAX_ROWS)
            columns = list(dict.fromkeys(names))
            batches = file.iter_batches(size, columns=columns, use_threads=False)
            yield from enumerate(_rows(batches, names), start=1)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        import pyarrow.parquet as pq

        with _translate_errors(self._path):
            if not self._path.stat().st_size:
                raise DatasetError(f"{self._path} has no rows", hint="give a table with rows")
            with pq.ParquetFile(self._path, pre_buffer=False, buffer_size=_CHUNK) as file:
                yield file


class SavedTable:
    """A data set that `save_to_disk` wrote, mapped from disk.

    Attributes:
        name: What to call it in an error.
        columns: The names of its columns.
        notes: None.

    Raises:
        DatasetError: It cannot be read.
        MissingPackageError: datasets is not installed.
    """

    unit = "row"
    notes: tuple[str, ...] = ()

    def __init__(self, folder: Path) -> None:
        require_package(f"{folder}, a saved data set,", "datasets")
        self.name = str(folder)
        self._folder = folder
        with _translate_errors(folder):
            self._rows = _datasets().load_from_disk(str(folder), keep_in_memory=False)
            self.columns = tuple(self._rows.column_names)

    def rows(self, positions: Sequence[int]) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """The values of some columns, None where there is none, with the number of each row.

        Args:
            positions: Of the columns, from 0.

        Raises:
            DatasetError: It is damaged.
        """
        names = [self.columns[position] for position in positions]
        with _translate_errors(self._folder):
            rows = self._rows.select_columns(list(dict.fromkeys(names))).with_format("arrow")
            yield from enumerate(_rows(rows.iter(_MAX_ROWS), names), start=1)


def _rows(batches: Iterator[Any], names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    for batch in batches:
        yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    """Context manager: what the library that reads a table raises names the table."""
    try:
        yield
    except DatasetError:
        raise
    except Exception as error:  # of whichever library reads it
        what = str(error).strip().partition("\n")[0] or type(error).__name__
        raise DatasetError(f"cannot read {path}: {what}", hint="give an undamaged table") from None


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
