"""`hf:PATH:COLUMN`: one column of a local data set, row by row.

PATH is a file, a folder of files, or a folder that `save_to_disk` wrote. Nothing is read
from the network, and only a few rows are in memory at a time.
"""

import difflib
import json
import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from attn_cli.errors import DatasetError
from attn_cli.packages import require_package
from attn_cli.text.tables import COMPRESSED, KINDS, file_tables, saved_tables

if TYPE_CHECKING:
    import pyarrow as pa

PREFIX = "hf:"
_CHUNK = 1 << 20  # characters yielded at a time
_SPLIT = re.compile(
    r"(?:^|[-._ 0-9/])(?:(train|training)"
    r"|(?:validation|valid|dev|val|test|testing|eval|evaluation))(?=[-._ 0-9/]|$)"
)
# Reads a part of a data set: one column, or with None the beginning of all of them.
Part: TypeAlias = "Callable[[str | None], Iterator[pa.Table]]"
_HINT = "give hf:PATH:COLUMN, as in hf:books.parquet:text"


class TableSource:
    """The texts of one column of a data set.

    Attributes:
        path: The file or folder.
        name: The name by which a configuration finds it again from any folder.

    Args:
        name: `hf:PATH:COLUMN`; the column follows the last colon.
        separator: What rows are joined by.

    Raises:
        DatasetError: There is no such data set or column, or the column is not text.
        MissingPackageError: `datasets` is not installed.
    """

    def __init__(self, name: str, separator: str) -> None:
        path, _, self._column = name.removeprefix(PREFIX).rpartition(":")
        if name == PREFIX:
            raise DatasetError("hf: does not name a data set", hint=_HINT)
        whole = Path(name.removeprefix(PREFIX)).expanduser()
        # Without a column, the colon of C:\ may be the last one.
        if not path or (not Path(path).expanduser().exists() and whole.exists()):
            path, self._column = str(whole), ""
        # Path.resolve() would follow links, and lose the name that the user gave.
        self.path = Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100
        self.name = f"{PREFIX}{self.path}:{self._column}"
        self._separator = separator
        self._missing = 0
        require_package("hf:PATH:COLUMN", "datasets")
        self._parts, self._others = _parts(self.path)
        self._check(self._parts[0])  # an error comes before any work

    def note(self) -> str:
        """What was left out of the rows read so far, in a line; empty for nothing."""
        skipped = []
        if self._missing:
            skipped.append(f"{self._missing:,} rows without text")
        if self._others:
            skipped.append(f"{self._others} files of other splits than train")
        return f"of {self.path}, {' and '.join(skipped)} were left out" if skipped else ""

    def chunks(self) -> Iterator[str]:
        """The rows in order, joined by the separator; each call starts over.

        Raises:
            DatasetError: A file cannot be read.
        """
        self._missing = 0
        chunk: list[str] = []
        size, open_end = 0, False
        for text in self._rows():
            if open_end:
                chunk.append(self._separator)
            chunk.append(text)
            size += len(text)
            open_end = not text.endswith(self._separator)
            if size >= _CHUNK:
                yield "".join(chunk)
                chunk, size = [], 0
        if chunk:
            yield "".join(chunk)

    def _rows(self) -> Iterator[str]:
        for part in self._parts:
            self._check(part)
            for table in part(self._column):
                for value in table.column(self._column):
                    text = value.as_py()
                    if text is None:
                        self._missing += 1
                    elif text:
                        # As in every other text, newlines are LF.
                        yield text.replace("\r\n", "\n").replace("\r", "\n")

    def _check(self, part: Part) -> None:
        """Checks that a part has the column, and that it is text."""
        table = next(part(None), None)
        if table is None:
            return  # without rows there are no columns
        names = table.column_names
        if self._column not in names:
            near = difflib.get_close_matches(self._column, names, len(names), 0.0)
            listed = ", ".join(dict.fromkeys([*near, *names]))
            what = (
                f"{self.path} has no column {self._column!r}"
                if self._column
                else f"{self.path}: no column is named"
            )
            raise DatasetError(f"{what}; it has {listed}", hint=_HINT)
        kind = table.column(self._column).type
        if not _is_text(kind):
            texts = [name for name in names if _is_text(table.column(name).type)]
            raise DatasetError(
                f"the column {self._column!r} of {self.path} is not text but {kind}",
                hint=f"columns of text: {', '.join(texts)}"
                if texts
                else "it has no column of text",
            )


def _is_text(kind: "pa.DataType") -> bool:
    import pyarrow.types as types

    if types.is_dictionary(kind):
        kind = kind.value_type
    # A column of nulls has no type; another part of it may have text.
    texts = (types.is_string, types.is_large_string, types.is_string_view, types.is_null)
    return any(is_kind(kind) for is_kind in texts)


def _parts(path: Path) -> tuple[list[Part], int]:
    """The reader of each part of a data set, and how many files belong to other splits."""
    if path.is_file():
        if path.suffix in COMPRESSED and Path(path.stem).suffix in KINDS:
            raise DatasetError(
                f"{path} is a compressed table", hint=f"decompress it first, to {path.stem}"
            )
        if path.suffix not in KINDS:
            raise DatasetError(
                f"{path} is not a data set", hint=f"give a file ending in {', '.join(KINDS)}"
            )
        return [partial(file_tables, path)], 0
    if not path.is_dir():
        raise DatasetError(f"there is no file or folder {path}", hint=_HINT)
    if (path / "dataset_dict.json").is_file():
        return [partial(saved_tables, _train_of(path))], 0
    if (path / "state.json").is_file():
        return [partial(saved_tables, path)], 0
    paths = [
        file
        for file in path.rglob("*")
        if file.suffix in KINDS
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    ]
    # Sorted as text, so that the order is the same on every system.
    paths.sort(key=lambda file: file.relative_to(path).as_posix())
    if not paths:
        raise DatasetError(
            f"the folder {path} contains no data set",
            hint=f"give a folder of files ending in {', '.join(KINDS)}, or one that "
            "save_to_disk wrote",
        )
    splits = {file: _SPLIT.search(file.relative_to(path).as_posix()) for file in paths}
    if any(split and split[1] for split in splits.values()):
        train = [file for file, split in splits.items() if not split or split[1]]
    else:
        train = paths
    return [partial(file_tables, file) for file in train], len(paths) - len(train)


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
