"""CSV and TSV, read row by row; what is wrong with a row is told with its line."""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Literal

from attn_cli.errors import DatasetError
from attn_cli.text.decoding import split_lines
from attn_cli.text.display import counted

Row = list[str]
_Quoting = Literal[0, 3]  # csv.QUOTE_MINIMAL, csv.QUOTE_NONE

_DELIMITERS = ",;\t|"
_HEAD_ROWS = 50  # from which delimiter and header are told
_HEAD_CHARS = 1 << 16
_MAX_FIELD = 1 << 24  # characters; what is longer has a quote that never closes
_MAX_SHOWN = 8  # columns
_NUMBER = re.compile(r"[-+]?[\d.,:/%-]*\d[\d.,:/%-]*")  # or a date, or a time
# Without numbers, a header is known by what columns are often called.
_NAMES = {
    "category", "city", "class", "country", "date", "features", "id", "input", "key", "label",
    "lang", "language", "lemma", "name", "output", "pronunciation", "sentence", "source", "src",
    "target", "text", "tgt", "title", "town", "type", "value", "word", "year",
}  # fmt: skip


class DelimitedTable:
    """A table whose rows are lines, with a sign between fields.

    A field in double quotes may contain the sign, newlines, and quotes written twice.

    Attributes:
        name: What to call it in an error.
        columns: The names of its columns: those in its first line, or else their numbers from 1.
        notes: How it was read, where that is a guess.

    Args:
        name: See above.
        chunks: Reads its text from the beginning.
        wanted: Columns that the user named: a name means that the first line is a header.
        delimiter: The sign; None for the likeliest.
        has_quotes: Whether quotes around a field are not a part of it.

    Raises:
        DatasetError: It has no rows.
    """

    unit = "line"

    def __init__(
        self,
        name: str,
        chunks: Callable[[], Iterator[str]],
        wanted: Sequence[str] = (),
        delimiter: str | None = None,
        *,
        has_quotes: bool = True,
    ) -> None:
        self.name = name
        self._chunks = chunks
        csv.field_size_limit(_MAX_FIELD)
        head = _head(chunks())
        self._delimiter = delimiter or _likeliest_delimiter(head)
        self._quoting: _Quoting = csv.QUOTE_MINIMAL if has_quotes else csv.QUOTE_NONE
        rows = _parse(head, self._delimiter, self._quoting)
        if not rows:
            raise DatasetError(f"{name} has no rows", hint="give a table with rows")
        self._blanks = all(field[:1] == " " for row in rows for field in row[1:])
        first = [field.strip() for field in rows[0]]
        by_name = any(not column.isdecimal() for column in wanted)
        numbers = [str(number) for number in range(1, len(first) + 1)]
        # A column's own number may stand in a first row of data, as a label; a year is a name.
        named = any(column in first and column not in numbers for column in wanted)
        self._has_header = by_name or named or _is_header(first, rows[1:])
        self.columns = tuple(first if self._has_header else numbers)
        self.notes = tuple(self._notes(rows, guessed=not by_name, told=delimiter is not None))

    def rows(self, positions: Sequence[int]) -> Iterator[tuple[int, tuple[str, ...]]]:
        """The fields of some columns, with the number of the line in which each row begins.

        Args:
            positions: Of the columns, from 0.

        Raises:
            DatasetError: A row has too many or too few fields, or a quote that never closes.
        """
        for line, row in itertools.islice(self._rows(), self._has_header, None):
            if len(row) != len(self.columns):
                raise self._wrong_length(line, len(row))
            yield line, tuple(row[position] for position in positions)

    def _rows(self) -> Iterator[tuple[int, Row]]:
        """All rows but the blank ones, the header too, with the line in which each begins."""
        lines: list[str] = []  # of the row that is being read

        def remember(line: str) -> str:
            lines.append(line)
            return line

        reader = csv.reader(
            map(remember, split_lines(self._chunks())),
            delimiter=self._delimiter,
            quoting=self._quoting,
            skipinitialspace=self._blanks,
            strict=True,
        )
        first = 1
        while True:
            try:
                row = next(reader, None)
            except csv.Error as error:
                raise self._malformed(first, lines, error) from None
            if row is None:
                return
            if row:
                yield first, row
            first += len(lines)
            lines.clear()

    def _wrong_length(self, line: int, n_fields: int) -> DatasetError:
        """The error about a row with too many or too few fields."""
        if self._quoting == csv.QUOTE_NONE:
            between = "a tab" if self._delimiter == "\t" else repr(self._delimiter)
            hint = f"each line has {len(self.columns)} fields, with {between} between"
        else:
            hint = (
                f'write a field with {self._delimiter!r} or a quote in it in "double quotes", and '
                "a quote in it twice"
            )
        fields = counted(n_fields, "field")
        return DatasetError(
            f"{self.name}: line {line:,} has {fields} instead of {len(self.columns)}", hint
        )

    def _malformed(self, first: int, lines: Sequence[str], error: csv.Error) -> DatasetError:
        """The error about a row that begins in line `first`."""
        row = "".join(lines)
        opened = _bad_quote(row, self._delimiter)
        line = first + row.count("\n", 0, opened)
        if "limit" in str(error):
            what = f"line {line:,}: a field has over {_MAX_FIELD:,} characters: is a quote missing?"
        elif line < first + len(lines) - 1 or "unexpected end" in str(error):
            what = f"line {line:,}: the quote that opens here never closes"
        else:
            what = f"line {line:,}: more text comes after the quote that closes a field"
        return DatasetError(
            f"{self.name}: {what}", hint="write a quote that belongs to the text twice"
        )

    def _notes(self, rows: Sequence[Row], *, guessed: bool, told: bool) -> Iterator[str]:
        if not told and self._delimiter != ",":
            yield f"columns of {self.name} are separated by {self._delimiter!r}"
        quoted = any(field[:1] == field[1:][-1:] == '"' for row in rows for field in row)
        if quoted and self._quoting == csv.QUOTE_NONE:
            yield f"quotes around fields of {self.name} are kept: in TSV they are characters"
        if guessed:
            shown = ", ".join(rows[0][:_MAX_SHOWN]) + ", …" * (len(rows[0]) > _MAX_SHOWN)
            what = "the names of its columns" if self._has_header else "a row, not a header"
            yield f"line 1 of {self.name} is taken as {what}: {shown}"


def _bad_quote(row: str, delimiter: str) -> int:
    """Where the quote opens that is not closed, or that more text follows once it is closed."""
    opened = twice = -1
    for quote in re.finditer('"', row):
        place, after = quote.start(), row[quote.end() : quote.end() + 1]
        if opened < 0:
            if row[max(place - 1, 0)] in f'"\n {delimiter}':  # else a character of a field
                opened = place
        elif place == twice:
            continue
        elif after == '"':
            twice = place + 1
        elif after in f"\n{delimiter}":
            opened = -1
        else:
            break
    return max(opened, 0)


def _head(chunks: Iterator[str]) -> list[str]:
    """The first lines."""
    lines, size = [], 0
    for line in itertools.islice(split_lines(chunks), _HEAD_ROWS):
        lines.append(line)
        size += len(line)
        if size > _HEAD_CHARS:
            break
    return lines


def _parse(lines: Sequence[str], delimiter: str, quoting: _Quoting) -> list[Row]:
    rows = []
    with suppress(csv.Error):  # told with its line once the row is read
        for row in csv.reader(lines, delimiter=delimiter, quoting=quoting):
            rows += [row] if row else []
    return rows


def _likeliest_delimiter(lines: Sequence[str]) -> str:
    """The sign that most rows have as often as each other; the comma where there is none.

    A tab before all others: it hardly ever stands in a field, as those of `V;PST;3` do.
    """

    def score(delimiter: str) -> tuple[float, bool, int]:
        rows = _parse(lines, delimiter, csv.QUOTE_MINIMAL)
        widths = Counter(map(len, rows)).most_common(1)
        width, count = widths[0] if widths else (1, 0)
        return (count / len(rows), delimiter == "\t", width) if width > 1 else (0.0, False, 0)

    return max(_DELIMITERS, key=score)


def _is_header(first: Row, rows: Sequence[Row]) -> bool:
    """Whether a first row names the columns, judged by those that follow it."""
    if len(set(first)) < len(first) or any(not name or _NUMBER.fullmatch(name) for name in first):
        return False
    columns = [[row[i] for row in rows if i < len(row)] for i in range(len(first))]
    numeric = any(column and all(map(_NUMBER.fullmatch, column)) for column in columns)
    named = any(name.casefold() in _NAMES for name in first)
    again = any(name in column for name, column in zip(first, columns, strict=True))
    return numeric or (named and not again)
