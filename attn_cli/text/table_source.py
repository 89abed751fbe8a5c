"""A column of a table, or of a folder of tables, as a text: row by row, in constant memory.

With a column of labels beside it, each row is a line, and its label is kept.

Nothing is read from the network.
"""

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from attn_cli.errors import DatasetError
from attn_cli.text.arrow_tables import SavedTable
from attn_cli.text.decoding import as_line, join_texts, read_file
from attn_cli.text.display import counted
from attn_cli.text.line_labels import LabelList
from attn_cli.text.records import RecordColumns, RecordReader
from attn_cli.text.tables import ENDINGS, Table, open_table, table_ending

_SPLIT = re.compile(
    r"(?:^|[-._ 0-9/])(?:(train|training)"
    r"|(?:validation|valid|dev|val|test|testing|eval|evaluation))(?=[-._ 0-9/]|$)"
)

PREFIX = "hf:"
_HINT = "give hf:PATH:COLUMN, as in hf:books.parquet:text"
_SAMPLED_ROWS = 20  # by which the column with the most text is known
_MAX_SHOWN = 8  # columns of a table
_FEWEST_PAIRS = 5  # from which a table is said to be one of pairs
_PAIR_COLUMNS = (2, 3)  # source, target and perhaps features
_MANY_TARGETS = 0.8  # of the sampled rows have different targets, where these are no labels

# Opens one table of a text.
OpenTable: TypeAlias = Callable[[], Table]


class TableSource:
    """The texts in one column of some tables.

    Args:
        name: What to call them in a note.
        tables: Open each of them, in their order.
        columns: The column of the texts, and that of their labels, if they have any.
        separator: What rows are joined by; a newline means that each row is a line.
        left_out: What of them was left out before.

    Attributes:
        labels: Of each line, complete once the texts have been read; None where they have none.

    Raises:
        DatasetError: The first one cannot be read, or has no such column.
        MissingPackageError: It needs a package that is not installed.
    """

    def __init__(
        self,
        name: str,
        tables: Sequence[OpenTable],
        columns: RecordColumns,
        separator: str,
        left_out: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.labels = LabelList() if columns.label is not None else None
        self._tables = tables
        self._columns = columns
        self._separator = separator
        self._left_out = left_out
        self._empty_rows = self._unlabelled = self._unbroken = 0
        self._first = self._reader(tables[0]())  # an error comes before any work

    def notes(self) -> list[str]:
        """How the table was read, and what was left out or changed when it was last read."""
        left_out = [*self._left_out]
        if self._empty_rows:
            left_out.insert(0, f"rows without text ({self._empty_rows:,})")
        if self._unlabelled:
            left_out.insert(0, f"rows without a label ({self._unlabelled:,})")
        notes = [*self._first.table.notes]
        if self.labels is not None:
            text, label = (self._first.table.columns[each] for each in self._first.positions)
            notes.append(f"the texts of {self.name} are its column {text}, their labels {label}")
        if left_out:
            notes.append(f"left out of {self.name}: {', '.join(left_out)}")
        if self._unbroken:
            fields = counted(self._unbroken, "field")
            notes.append(f"line breaks in {fields} of {self.name} became spaces")
        return notes

    def chunks(self) -> Iterator[str]:
        """The rows in order, joined by the separator; each call starts over.

        Raises:
            DatasetError: A table cannot be read, or a row of it is broken.
        """
        return join_texts(self._texts(), self._separator)

    def _texts(self) -> Iterator[str]:
        self._empty_rows = self._unlabelled = self._unbroken = 0
        if self.labels is not None:
            self.labels.clear()
        for number, open_one in enumerate(self._tables):
            reader = self._reader(open_one()) if number else self._first
            for record in reader:
                (text,) = record.source
                if self._separator == "\n":
                    line = as_line(text)
                    self._unbroken += line != text.strip("\n\f")
                    text = line
                if self.labels is not None:
                    text = text.rstrip()  # nobody sees by what blanks a label could be told
                if not text:
                    self._empty_rows += 1
                elif self.labels is None:
                    yield text
                elif not record.label:
                    self._unlabelled += 1
                else:
                    self.labels.append(record.label)
                    yield text
            self._empty_rows += reader.empty_rows

    def _reader(self, table: Table) -> RecordReader:
        if self.labels is None:
            return RecordReader(table, self._columns)
        if len(table.columns) < 2:
            raise DatasetError(
                f"{table.name} has one column, and no labels",
                hint="a line is a text, a tab and its label; or give a folder with a file for each "
                "label",
            )
        reader = RecordReader(table, self._columns, allow_empty=True)
        text, label = (table.columns[position] for position in reader.positions[:2])
        by_number = all(name.isdecimal() for name in self._columns.names)
        if by_number and (text.casefold(), label.casefold()) == ("label", "text"):
            raise DatasetError(
                f"the first column of {table.name} is named {text}, the second {label}: "
                "the texts would be taken for labels",
                hint=f"set data.column={label} and data.label={text}",
            )
        if len(set(reader.positions)) < 2:
            raise DatasetError(
                f"the texts and the labels of {table.name} are the same column, "
                f"{table.columns[reader.positions[0]]}",
                hint="set data.column to the texts' column, data.label to the labels'",
            )
        return reader


def parse_hf_name(name: str) -> tuple[Path, str]:
    """The path and the column of `hf:PATH:COLUMN`; the column follows the last colon."""
    whole = name.removeprefix(PREFIX)
    path, _, column = whole.rpartition(":")
    if not whole:
        raise DatasetError("hf: does not name a data set", hint=_HINT)
    # Without a column, the colon of C:\ may be the last one.
    if not path or (not Path(path).expanduser().exists() and Path(whole).expanduser().exists()):
        path, column = whole, ""
    # Path.resolve() would follow links, and lose the name that the user gave.
    found = Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100
    if not found.exists():
        raise DatasetError(f"there is no file or folder {found}", hint=_HINT)
    return found, column


def open_tables(path: Path, encoding: str, columns: RecordColumns, separator: str) -> TableSource:
    """A column of a table, of a folder of tables, or of a data set that `save_to_disk` wrote.

    Of several splits of a data set, `train` is taken.

    Raises:
        DatasetError: There is none, or the column is not in it.
        MissingPackageError: It needs a package that is not installed.
    """
    tables, left_out = find_tables(path, encoding, columns.names)
    return TableSource(str(path), tables, columns, separator, left_out)


def contains_tables(folder: Path) -> bool:
    """Whether a folder has tables in it, or is a data set that `save_to_disk` wrote."""
    if any((folder / name).is_file() for name in ("dataset_dict.json", "state.json")):
        return True
    return any(table_ending(path) not in (None, ".json") for path in _shown_files(folder))


def hint_on_table(path: Path, encoding: str) -> list[str]:
    """A line where a file that is read as it is is a table."""
    if table_ending(path) is None:
        return []
    try:
        if "\n" not in next(read_file(path, encoding)):  # a single line may be gigabytes long
            return []
        table = open_table(path, encoding, ())
        columns = table.columns
        rows = [row for _, row in islice(table.rows(range(len(columns))), _SAMPLED_ROWS)]
    except DatasetError:  # a table that is broken may be a text
        return []
    if len(columns) < 2:
        return []
    letters = [
        sum(map(str.isalpha, "".join(map(str, fields)))) for fields in zip(*rows, strict=True)
    ]
    likeliest = columns[letters.index(max(letters))] if letters else columns[0]
    shown = ", ".join(columns[:_MAX_SHOWN]) + ", …" * (len(columns) > _MAX_SHOWN)
    command = f"attn train {shlex.quote(str(path))}"
    hints = [
        f"{path} looks like a table ({shown}); to learn a column, each row by itself: "
        f"{command} --set data.column={shlex.quote(likeliest)} --lines"
    ]
    if _may_be_pairs(rows):
        hints.append(
            f"to learn to write column {columns[1]} for column {columns[0]}: "
            f"{command} --task seq2seq"
        )
    return hints


def _may_be_pairs(rows: Sequence[Sequence[object]]) -> bool:
    """Whether the first rows of a table look like sources and their targets, not like labels."""
    if len(rows) < _FEWEST_PAIRS or len(rows[0]) not in _PAIR_COLUMNS:
        return False
    targets = {str(row[1]) for row in rows}
    are_numbers = all(map(str.isdecimal, targets))
    return not are_numbers and len(targets) >= _MANY_TARGETS * len(rows)


def find_tables(
    path: Path, encoding: str, columns: Sequence[str]
) -> tuple[Sequence[OpenTable], Sequence[str]]:
    """What opens each table, and what was left out."""
    if not path.is_dir():
        return [partial(open_table, path, encoding, columns)], []
    if (path / "dataset_dict.json").is_file():
        return [partial(SavedTable, _train_of(path))], []
    if (path / "state.json").is_file():
        return [partial(SavedTable, path)], []
    files = [*_shown_files(path)]
    # JSON without lines describes a data set.
    paths = [file for file in files if table_ending(file) not in (None, ".json")]
    # Sorted as text, so that the order is the same on every system.
    paths.sort(key=lambda file: file.relative_to(path).as_posix())
    if not paths:
        raise DatasetError(
            f"the folder {path} contains no table",
            hint=f"give a folder of files ending in {', '.join(ENDINGS)}, or one that "
            "save_to_disk wrote",
        )
    splits = {file: _SPLIT.search(file.relative_to(path).as_posix()) for file in paths}
    train = [file for file, split in splits.items() if not split or split[1]]
    if not any(split and split[1] for split in splits.values()):
        train = paths
    counts = {
        "files of other splits than train": len(paths) - len(train),
        "files that are no tables": len(files) - len(paths),
    }
    left_out = [f"{what} ({count})" for what, count in counts.items() if count]
    return [partial(open_table, file, encoding, columns) for file in train], left_out


def _shown_files(folder: Path) -> Iterator[Path]:
    """All files in a folder and the folders below it but the hidden ones."""
    for file in folder.rglob("*"):
        parts = file.relative_to(folder).parts
        if file.is_file() and not any(part.startswith(".") for part in parts):
            yield file


def _train_of(path: Path) -> Path:
    """The folder of the split `train`, of several splits that `save_to_disk` wrote."""
    if (path / "train").is_dir():
        return path / "train"
    try:
        names = json.loads((path / "dataset_dict.json").read_text(encoding="utf-8"))["splits"]
        listed = ", ".join(map(str, names))
    except (OSError, ValueError, KeyError, TypeError):
        listed = "unknown"
    raise DatasetError(
        f"{path} has no split train; it has {listed}", hint="give the folder of one of its splits"
    )
