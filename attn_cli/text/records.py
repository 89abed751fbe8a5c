"""Records: what a model learns from one row of a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from attn_cli.errors import DatasetError
from attn_cli.text.tables import Table, find_column

_KINDS = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    bytes: "bytes",
    dict: "an object",
}


@dataclass(frozen=True)
class RecordColumns:
    """The columns that records are read from, each by its name or its number from 1."""

    source: tuple[str, ...] = ()
    target: str | None = None
    label: str | None = None
    features: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, the sources first, then the features."""
        others = (name for name in (self.target, self.label) if name is not None)
        return (*self.source, *self.features, *others)


@dataclass(frozen=True)
class Record:
    """One row: what a model reads, what it has to write, and what it has to tell of it."""

    source: tuple[str, ...]  # a text for each source column
    target: str | None  # None where no column was named
    label: str | None  # likewise; with single spaces
    features: tuple[str, ...] = ()  # a text for each column of features, which may be empty


class RecordReader:
    """The records of a table, which can be read any number of times.

    Args:
        table: The table.
        columns: What a record has.
        allow_empty: Whether some fields of a record may be empty; they are empty texts then.

    Attributes:
        empty_rows: How many rows of the last reading were left out, as all their fields were empty.

    Raises:
        DatasetError: The table has no such column.
    """

    def __init__(self, table: Table, columns: RecordColumns, *, allow_empty: bool = False) -> None:
        self.table = table
        self._allow_empty = allow_empty
        self.columns = columns
        self._names = columns.names
        self.positions = [find_column(table, name) for name in self._names]
        self.empty_rows = 0
        self._number = 0  # of the row of the last record

    def __iter__(self) -> Iterator[Record]:
        """The records in the order of the rows, without those whose fields are all empty.

        Raises:
            DatasetError: A row is broken, or a field is empty or of another type; with the
                file, the line and the column.
        """
        self.empty_rows = 0
        n_source = len(self.columns.source)
        n_texts = n_source + len(self.columns.features)
        has_target = self.columns.target is not None
        for number, values in self.table.rows(self.positions):
            if all(value is None or value == "" for value in values):
                self.empty_rows += 1
                continue
            self._number = number
            fields = self._fields(values)
            target = fields[n_texts] if has_target else None
            label = " ".join(fields[-1].split()) if self.columns.label is not None else None
            features = tuple(fields[n_source:n_texts])
            yield Record(tuple(fields[:n_source]), target, label, features)

    def error(self, what: str, hint: str) -> DatasetError:
        """The error about the row of the last record."""
        table = self.table
        return DatasetError(f"{table.name}: {table.unit} {self._number:,}: {what}", hint=hint)

    def _fields(self, values: Sequence[Any]) -> list[str]:
        fields = []
        for column, value in zip(self._names, values, strict=True):
            # A class is often a number.
            if column == self.columns.label and isinstance(value, int):
                value = str(value)
            if value is None or value == "":
                if self._allow_empty or column in self.columns.features:
                    fields.append("")
                    continue
                raise self.error(f"{_shown(column)} is empty", "fill it, or remove the row")
            if not isinstance(value, str):
                kind = _KINDS.get(type(value), f"a {type(value).__name__}")
                texts = ", ".join(self.table.columns)
                raise self.error(f"{_shown(column)} is {kind}, not text", f"its columns: {texts}")
            try:
                value.encode()
            except UnicodeEncodeError:  # from an escape in JSON
                hint = "write the character whole, or remove the row"
                raise self.error(f"{_shown(column)} has half a surrogate pair", hint) from None
            # As in every other text, newlines are LF.
            fields.append(value.replace("\r\n", "\n").replace("\r", "\n"))
        return fields


def _shown(column: str) -> str:
    """A column in a message: by its name, or its number."""
    return f"column {column}" if column.isdecimal() else repr(column)
