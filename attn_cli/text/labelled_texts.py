"""Texts one at a time, in constant memory: the lines of a file, or the rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from attn_cli.errors import DatasetError
from attn_cli.text.decoding import as_line, split_lines
from attn_cli.text.label_file import file_label
from attn_cli.text.read_options import ReadOptions
from attn_cli.text.records import RecordColumns, RecordReader
from attn_cli.text.sources import open_source
from attn_cli.text.tables import open_table, table_ending

_FIRST = "1"  # column of a table


class LabelledText(NamedTuple):
    """A text of one line, and its label where it has one."""

    text: str
    label: str | None


class LabelledTexts:
    """The texts of a file, which can be read any number of times, unless it is standard input.

    Args:
        name: A file, a built-in text, a folder, or "-" for standard input. Of a table the texts
            are the rows of a column, with line breaks as spaces; of all else the lines, the
            blank ones included. In a folder, lines have the label that `file_label` says.
        encoding: Of the text.
        column: The column of a table, by its name or its number from 1; the first where None.
        label: Likewise that of the labels; None where there are none.

    Attributes:
        labelled: Whether each text has a label.

    Raises:
        DatasetError: It cannot be read, is empty, or has no such column.
        MissingPackageError: It needs a package that is not installed.
    """

    def __init__(
        self, name: str, encoding: str, column: str | None = None, label: str | None = None
    ) -> None:
        self._reader: RecordReader | None = None
        self._path = Path(name)
        is_folder = self._path.is_dir()
        self.labelled = is_folder or label is not None
        is_table = column is not None or label is not None or table_ending(self._path) is not None
        if is_table and name != "-" and not is_folder:
            columns = RecordColumns(source=(column or _FIRST,), label=label)
            table = open_table(self._path, encoding, columns.names)
            self._reader = RecordReader(table, columns)
            return
        if label is not None:
            raise DatasetError(f"`label` names a column, and {name} is no table", "leave it out")
        options = ReadOptions(encoding, column, lines=True)
        self._source = open_source([name], options=options)

    def __iter__(self) -> Iterator[LabelledText]:
        if self._reader is not None:
            for record in self._reader:
                yield LabelledText(as_line(record.source[0]), record.label)
            return
        for document in self._source.documents:
            label = file_label(Path(document.name), self._path) if self.labelled else None
            for line in split_lines(document.chunks()):
                yield LabelledText(as_line(line), label)

    def notes(self) -> tuple[str, ...]:
        """How it was read, where that is a guess."""
        return () if self._reader is None else self._reader.table.notes
