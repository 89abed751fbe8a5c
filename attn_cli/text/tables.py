"""Tables of every kind: which kind a file is, and the columns that a user names."""

import difflib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from attn_cli.errors import DatasetError
from attn_cli.text.arrow_tables import ParquetTable
from attn_cli.text.compressed import COMPRESSED
from attn_cli.text.decoding import read_file
from attn_cli.text.delimited import DelimitedTable
from attn_cli.text.json_lines import JsonLinesTable

# By the ending of a file, without that of its compression.
_DELIMITERS = {".csv": None, ".tsv": "\t", ".tab": "\t"}
_JSON = (".jsonl", ".ndjson", ".json")
_PARQUET = ".parquet"
ENDINGS = (*_DELIMITERS, *_JSON, _PARQUET)


class Table(Protocol):
    """Rows of fields in columns."""

    @property
    def name(self) -> str:
        """What to call it in an error."""
        ...

    @property
    def unit(self) -> str:
        """What the number of a row counts: lines of a file, or rows."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns, or their numbers from 1 where they have no names."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """How it was read, where that is a guess."""
        ...

    def rows(self, positions: Sequence[int]) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """The fields of some columns, None where there is none, with the number of each row.

        Args:
            positions: Of the columns, from 0.

        Raises:
            DatasetError: A row is broken.
        """
        ...


def table_ending(path: Path) -> str | None:
    """The ending that makes a file a table, without that of its compression; None if none does."""
    name = path.name.lower()
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    return next((ending for ending in ENDINGS if name.endswith(ending)), None)


def open_table(path: Path, encoding: str, wanted: Sequence[str]) -> Table:
    """The table in a file; one without an ending of a table is taken as CSV or TSV.

    Args:
        path: May be compressed.
        encoding: Of its text.
        wanted: The columns that the user named.

    Raises:
        DatasetError: It cannot be read, or is empty.
        MissingPackageError: Its kind needs a package that is not installed.
    """
    ending = table_ending(path)
    if ending != _PARQUET:
        return text_table(str(path), ending, lambda: read_file(path, encoding), wanted)
    if path.suffix.lower() != _PARQUET:
        raise DatasetError(f"{path} is a compressed Parquet table", hint="decompress it first")
    return ParquetTable(path)


def text_table(
    name: str, ending: str | None, chunks: Callable[[], Iterator[str]], wanted: Sequence[str]
) -> Table:
    """The table in a text.

    Args:
        name: What to call it in an error.
        ending: The ending of its kind; None for the delimiter that is likeliest.
        chunks: Reads its text from the beginning.
        wanted: The columns that the user named.

    Raises:
        DatasetError: It has no rows.
    """
    if ending in _JSON:
        return JsonLinesTable(name, chunks)
    delimiter = _DELIMITERS.get(ending or "")
    # In TSV a quote is a character as any other.
    return DelimitedTable(name, chunks, wanted, delimiter, has_quotes=delimiter is None)


def find_column(table: Table, wanted: str) -> int:
    """The position of a column, from 0, by its name or by its number from 1.

    Raises:
        DatasetError: It has no such column.
    """
    names = table.columns
    if names.count(wanted) > 1:
        numbers = [str(number) for number, name in enumerate(names, start=1) if name == wanted]
        raise DatasetError(
            f"{table.name} has {len(numbers)} columns named {wanted!r}",
            hint=f"give the number of one of them: {', '.join(numbers)}",
        )
    if wanted in names:
        return names.index(wanted)
    if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    listed = ", ".join(names)
    if not wanted:
        raise DatasetError(f"{table.name}: no column is named; it has {listed}", hint=_HINT)
    near = difflib.get_close_matches(wanted, names, 1) or difflib.get_close_matches(
        wanted.lower(), names, 1
    )
    raise DatasetError(
        f"{table.name} has no column {wanted!r}; it has {listed}",
        hint=f"did you mean {near[0]}?" if near else f"{_HINT}, or its number from 1",
    )


_HINT = "give the name of a column"
