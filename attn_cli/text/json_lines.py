"""JSON lines: a table with an object a line, whose keys are the columns."""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attn_cli.errors import DatasetError
from attn_cli.text.decoding import split_lines

_HEAD_ROWS = 256  # in which columns are looked for


class JsonLinesTable:
    """A file of JSON lines; an object may lack some columns.

    Attributes:
        name: What to call it in an error.
        columns: The keys of its first 256 objects.
        notes: None.

    Args:
        name: See above.
        chunks: Reads its text from the beginning.

    Raises:
        DatasetError: It has no rows, or one of the first is broken.
    """

    unit = "line"
    notes: tuple[str, ...] = ()

    def __init__(self, name: str, chunks: Callable[[], Iterator[str]]) -> None:
        self.name = name
        self._chunks = chunks
        head = itertools.islice(self._objects(), _HEAD_ROWS)
        self.columns = tuple(dict.fromkeys(key for _, row in head for key in row))
        if not self.columns:
            raise DatasetError(f"{name} has no rows", hint="give a table with rows")

    def rows(self, positions: Sequence[int]) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """The values of some columns, None where there is none, with the number of each line.

        Args:
            positions: Of the columns, from 0.

        Raises:
            DatasetError: A line is not a JSON object.
        """
        names = [self.columns[position] for position in positions]
        for line, row in self._objects():
            yield line, tuple(row.get(name) for name in names)

    def _objects(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, line in enumerate(split_lines(self._chunks()), start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                problem = None if isinstance(row, dict) else "is not a JSON object"
            except json.JSONDecodeError as error:
                problem = f"is not valid JSON: {error.msg} at column {error.colno}"
            except (ValueError, RecursionError):
                problem = "cannot be read: a number is too long, or it is nested too deeply"
            if problem:
                raise DatasetError(f"{self.name}: line {number:,} {problem}", hint=_hint(line))
            yield number, row


def _hint(line: str) -> str:
    if line.startswith("["):
        return "make lines of an array: jq -c '.[]' FILE > rows.jsonl"
    return 'each line is an object, as in {"text": "..."}'
