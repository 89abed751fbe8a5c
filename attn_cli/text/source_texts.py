"""The sources of a file, as a user types them: its lines, or the rows of a table."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from attn_cli.config.schema import DataConfig
from attn_cli.text.decoding import decode_stream, read_file, split_lines
from attn_cli.text.pair_format import FEATURE_SEPARATOR, TAB, cleaned
from attn_cli.text.pair_source import source_columns
from attn_cli.text.records import RecordColumns, RecordReader
from attn_cli.text.tables import open_table, table_ending


def source_texts(name: str, data: DataConfig) -> Iterator[str]:
    """The sources of a file in their order, without blank ones; features stand behind a tab.

    Args:
        name: A file, or "-" for standard input. Of a table the sources are in the columns that the
            training table had; of all else each line is one. A table of sources
            and features alone, without a header, is taken as it is.
        data: The `data` section of the run's configuration.

    Raises:
        DatasetError: It cannot be read, or a row is broken.
    """
    path = Path(name)
    if name == "-":
        chunks = decode_stream(sys.stdin.buffer, "standard input")
    elif table_ending(path) is None:
        chunks = read_file(path, data.encoding)
    else:
        yield from _rows(path, data)
        return
    for line in split_lines(chunks):
        if source := line.strip("\n"):
            yield source


def _rows(path: Path, data: DataConfig) -> Iterator[str]:
    """The sources of a table."""
    n_fields = len(data.column or ("1",)) + bool(data.features)
    named = RecordColumns(tuple(data.column or ()), features=tuple(data.features or ()))
    table = open_table(path, data.encoding, ())
    if len(table.columns) == n_fields and all(map(str.isdecimal, table.columns)):  # as it is typed
        for _, values in table.rows(range(n_fields)):
            yield TAB.join(cleaned(value or "") for value in values)
        return
    table = open_table(path, data.encoding, named.names)
    for record in RecordReader(table, source_columns(table, named)):
        fields = list(map(cleaned, record.source))
        if record.features:
            fields.append(FEATURE_SEPARATOR.join(map(cleaned, record.features)))
        yield TAB.join(fields)
