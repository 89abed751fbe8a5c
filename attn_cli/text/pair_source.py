"""The rows of tables as a text of pairs, a line each: row by row, in constant memory."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from attn_cli.errors import DatasetError
from attn_cli.text.decoding import join_texts
from attn_cli.text.display import counted
from attn_cli.text.pair_format import (
    CONTROLS,
    TAB,
    PairFormat,
    TargetTokens,
    are_features,
    are_words,
)
from attn_cli.text.records import RecordColumns, RecordReader
from attn_cli.text.table_source import OpenTable, find_tables
from attn_cli.text.tables import Table, find_column

_SAMPLED_ROWS = 1000  # at the beginning, by which it is decided how columns are read
# A column of such a name is taken where the user names none; else the first that is left.
_USUAL_SOURCES = ("source", "src", "lemma")
_USUAL_TARGETS = ("target", "tgt", "form")


class PairSource:
    """The pairs of some tables.

    Args:
        name: What to call them in a note.
        tables: Open each of them, in their order.
        columns: The columns that the user named.
        target_tokens: What targets consist of.
        left_out: What of them was left out before.

    Attributes:
        pair_format: How the lines are written.

    Raises:
        DatasetError: The first table cannot be read, or has no such columns.
        MissingPackageError: It needs a package that is not installed.
    """

    def __init__(
        self,
        name: str,
        tables: Sequence[OpenTable],
        columns: RecordColumns,
        target_tokens: TargetTokens,
        left_out: Sequence[str] = (),
    ) -> None:
        self.name = name
        self._tables = tables
        self._left_out = left_out
        self._empty_rows = self._changed = 0
        table = tables[0]()
        self._columns = _complete(table, columns)
        self._first = self._reader(table)
        records = list(islice(self._first, _SAMPLED_ROWS))
        targets = [record.target or "" for record in records]
        self.pair_format = PairFormat(
            n_columns=len(self._columns.source),
            has_features=bool(self._columns.features),
            target_words=target_tokens == "words"
            or (target_tokens == "auto" and are_words(targets)),
        )
        self._example = targets[0] if targets else ""

    def notes(self) -> list[str]:
        """How the tables were read, and what was left out or changed when they were last read."""
        table = self._first.table
        names = [table.columns[position] for position in self._first.positions]
        n_source, n_features = self.pair_format.n_columns, len(self._columns.features)
        source = " and ".join(names[:n_source])
        keys = ["data.column", "data.target", "data.target_tokens"]
        if n_features:
            source += f" with the features of {' and '.join(names[n_source:-1])}"
            keys.insert(1, "data.features")
        target = names[-1]
        if self.pair_format.target_words:
            target += f", in words between blanks, such as {self._example}"
        notes = [
            *table.notes,
            f"pairs of {self.name}: source is column {source}; target is column {target} "
            f"(to change it: {', '.join(keys)})",
        ]
        if not n_features:
            notes += self._hint_on_features(table)
        left_out = [*self._left_out]
        if self._empty_rows:
            left_out.insert(0, f"empty rows ({self._empty_rows:,})")
        if left_out:
            notes.append(f"left out of {self.name}: {', '.join(left_out)}")
        if self._changed:
            rows = counted(self._changed, "row")
            notes.append(f"tabs and line breaks in {rows} of {self.name} became spaces")
        return notes

    def row(self, line: str) -> dict[str, str]:
        """A line as a row of a table that is read in the same way: the fields by their columns."""
        source, target = line.split(TAB)
        fields = self.pair_format.source_fields(source)
        # All features are in the first of their columns.
        fields += [""] * (len(self._columns.names) - 1 - len(fields))
        fields.append(self.pair_format.readable_target(target))
        return dict(zip(self._columns.names, fields, strict=True))

    def chunks(self) -> Iterator[str]:
        """The pairs in order, a line each; each call starts over.

        Raises:
            DatasetError: A table cannot be read, or a row of it is broken.
        """
        return join_texts(self._lines(), "\n")

    def _lines(self) -> Iterator[str]:
        self._empty_rows = self._changed = 0
        for number, open_one in enumerate(self._tables):
            reader = self._reader(open_one()) if number else self._first
            for record in reader:
                assert record.target is not None
                texts = "".join((*record.source, *record.features, record.target))
                self._changed += CONTROLS.search(texts) is not None
                source = self.pair_format.source(record.source, ";".join(record.features))
                target = self.pair_format.target(record.target)
                for which, text in (("source", source), ("target", target)):
                    if not text:
                        raise reader.error(f"the {which} is blank", "fill it, or remove the row")
                yield f"{source}{TAB}{target}"
            self._empty_rows += reader.empty_rows

    def _reader(self, table: Table) -> RecordReader:
        reader = RecordReader(table, self._columns)
        named = [table.columns[position] for position in reader.positions]
        for position, name in zip(reader.positions, named, strict=True):
            if reader.positions.count(position) > 1:
                raise DatasetError(
                    f"column {name} of {table.name} is named twice",
                    hint="set data.column, data.features and data.target to different columns",
                )
        return reader

    def _hint_on_features(self, table: Table) -> Iterator[str]:
        """A line where a column that is not read looks like features."""
        for position, name in enumerate(table.columns):
            if position in self._first.positions:
                continue
            rows = islice(table.rows([position]), _SAMPLED_ROWS)
            fields = [str(values[0] or "") for _, values in rows]
            if are_features(fields):
                yield (
                    f"column {name} looks like features ({fields[0]}); to give them to the model "
                    f"with the source: data.features={name}"
                )


def open_pairs(
    path: Path, encoding: str, columns: RecordColumns, target_tokens: TargetTokens
) -> PairSource:
    """The pairs of a table, of a folder of tables, or of a data set that `save_to_disk` wrote.

    Raises:
        DatasetError: There are none, or a column is not in it.
        MissingPackageError: It needs a package that is not installed.
    """
    tables, left_out = find_tables(path, encoding, columns.names)
    return PairSource(str(path), tables, columns, target_tokens, left_out)


def source_columns(table: Table, columns: RecordColumns) -> RecordColumns:
    """The columns of the sources alone, found as in a table that has targets, too.

    Args:
        table: With or without a column of targets.
        columns: Those that the user named.
    """
    source = columns.source
    if not source:
        names = [name.casefold() for name in table.columns]
        usual = [number for number, name in enumerate(names, 1) if name in _USUAL_SOURCES]
        source = (str((usual or [1])[0]),)
    return replace(columns, source=source, target=None)


def _complete(table: Table, columns: RecordColumns) -> RecordColumns:
    """The columns that the user named, and those that are then left for source and target.

    Raises:
        DatasetError: The table has too few columns.
    """
    taken = {find_column(table, name) for name in columns.names}

    def next_one(usual: Sequence[str]) -> str:
        left = [each for each in range(len(table.columns)) if each not in taken]
        if not left:
            fields = counted(len(table.columns), "field")
            raise DatasetError(
                f"the first row of {table.name} has {fields}: there is none for the target",
                hint="a line is a source, a tab and its target; of other tables, name columns by "
                "data.column and data.target",
            )
        named = [each for each in left if table.columns[each].casefold() in usual]
        position = (named or left)[0]
        taken.add(position)
        name = table.columns[position]
        return name if table.columns.count(name) == 1 else str(position + 1)

    source = columns.source or (next_one(_USUAL_SOURCES),)
    return replace(columns, source=source, target=columns.target or next_one(_USUAL_TARGETS))
