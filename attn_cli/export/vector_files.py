"""Files of vectors, written while they are computed: NumPy's, CSV, TSV and Parquet.

A file is complete or absent, and only a file of vectors is replaced.

Shapes: R rows, C channels = n_embd.
"""

from __future__ import annotations

import csv
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from attn_cli.errors import DatasetError, InputError
from attn_cli.export.output import translate_write_errors
from attn_cli.inspection.embedded_texts import EmbeddedText
from attn_cli.packages import require_package
from attn_cli.runs.atomic_files import atomic_file

_HEAD = 200  # bytes at the start of CSV or TSV by which a file of vectors is known
_HEADER = re.compile(rb"(text|line([,\t])position\2character)([,\t])(label\3)?e1[,\t\n]")
_MARK = b"attn"  # in the metadata of Parquet
_GROUP = 1024  # rows of Parquet that are written at once
# In an .npz file; no symbol of a vocabulary is longer than that of a byte, as `\xff`.
_DTYPES = {"line": np.int64, "position": np.int64, "character": "<U4", "label": np.int64}
_ARRAYS = {"embeddings", "label_names", *_DTYPES}

Row = tuple[tuple[Any, ...], NDArray[np.float32]]  # the fields before a vector, and the vector


@dataclass(frozen=True)
class VectorTable:
    """What a file of vectors contains.

    Attributes:
        of_chars: Whether a row is of a character; else it is of a text.
        labelled: Whether there is a column of labels.
        width: C.
    """

    of_chars: bool
    labelled: bool
    width: int

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns before the vector."""
        names = ("line", "position", "character") if self.of_chars else ("text",)
        return (*names, "label") if self.labelled else names

    def rows(self, texts: Iterable[EmbeddedText]) -> Iterator[Row]:
        """A row for each text, or for each of its characters."""
        for text in texts:
            label = (text.label,) if self.labelled else ()
            if not self.of_chars:
                yield (text.text, *label), text.vectors[0]
                continue
            for position, character in enumerate(text.characters):
                yield (text.line, position, character, *label), text.vectors[position]


def check_vector_file(out: Path) -> None:
    """Makes sure that a file can be written in a known format, and that nothing is lost by it.

    Raises:
        InputError: Its ending is unknown, there is another file, or no file can be there.
        MissingPackageError: Its format needs a package that is not installed.
    """
    if out.suffix.lower() not in _FORMATS:
        raise InputError(
            f"{out} ends in none of {', '.join(_FORMATS)}", "name a file such as vectors.npz"
        )
    if out.suffix.lower() == ".parquet":
        require_package(f"{out}, a Parquet table,", "pyarrow")
    if not out.parent.is_dir():
        raise InputError(f"there is no folder {out.parent}", "create it first")
    try:
        if not out.exists() or _is_own(out):
            return
    except OSError as error:
        raise InputError(f"{out} is not a writable file: {error.strerror}") from None
    raise InputError(f"{out} exists, and is not a file of vectors by attn", "name another file")


def write_vectors(out: Path, table: VectorTable, texts: Iterable[EmbeddedText]) -> int:
    """Writes the vectors of some texts, in constant memory; returns the number of rows.

    `.npz` has `embeddings` (R, C), and an array for each other column but the text: labels are
    indices into `label_names`. `.csv` and `.tsv` have columns e1, e2, ... to C, and `.parquet` a
    column `embedding` of lists.

    Raises:
        DatasetError: A text has a tab, and the file is TSV.
        OperationError: It cannot be written; what was there before is unchanged.
    """
    count = 0

    def counted() -> Iterator[Row]:
        nonlocal count
        for count, row in enumerate(table.rows(texts), 1):  # noqa: B007
            yield row

    with translate_write_errors(out), atomic_file(out) as temporary:
        _FORMATS[out.suffix.lower()](temporary, table, counted())
    return count


def _write_npz(path: Path, table: VectorTable, rows: Iterator[Row]) -> None:
    names: dict[str, int] = {}  # of labels, in the order in which they come
    columns = [name for name in table.columns if name in _DTYPES]
    with ExitStack() as stack, zipfile.ZipFile(path, "w") as archive:

        def new_array(dtype: Any, shape: tuple[int, ...] = ()) -> _GrowingArray:
            file = stack.enter_context(tempfile.TemporaryFile(dir=path.parent))
            return _GrowingArray(file, np.dtype(dtype), shape)

        arrays = {name: new_array(_DTYPES[name]) for name in columns}
        arrays["embeddings"] = new_array(np.float32, (table.width,))
        for fields, vector in rows:
            arrays["embeddings"].append(vector)
            for name, value in zip(table.columns, fields, strict=True):
                if name == "label":
                    value = names.setdefault(value, len(names))
                if name in arrays:
                    arrays[name].append(value)
        for name, array in arrays.items():
            array.save(archive, name)
        if table.labelled:
            with archive.open("label_names.npy", "w") as file:
                np.save(file, np.array(list(names)))


@dataclass
class _GrowingArray:
    """An array whose first axis grows, in a temporary file."""

    file: IO[bytes]
    dtype: np.dtype[Any]
    shape: tuple[int, ...]  # of each item
    length: int = 0

    def append(self, item: Any) -> None:
        self.file.write(np.asarray(item, self.dtype).tobytes())
        self.length += 1

    def save(self, archive: zipfile.ZipFile, name: str) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.length, *self.shape),
        }
        self.file.seek(0)
        with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array_header_1_0(member, header)
            shutil.copyfileobj(self.file, member)


def _write_csv(path: Path, table: VectorTable, rows: Iterator[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*table.columns, *(f"e{i + 1}" for i in range(table.width))))
        writer.writerows((*fields, *_digits(vector)) for fields, vector in rows)


def _write_tsv(path: Path, table: VectorTable, rows: Iterator[Row]) -> None:
    """As CSV, but that a quote is a character as any other, as where attn reads TSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("\t".join((*table.columns, *(f"e{i + 1}" for i in range(table.width)))) + "\n")
        for fields, vector in rows:
            line = "\t".join((*map(str, fields), *_digits(vector)))
            if line.count("\t") >= len(fields) + table.width:
                raise DatasetError(
                    f"a tab, which TSV cannot hold, is in {' '.join(map(repr, fields))}",
                    "write .csv or .parquet",
                )
            file.write(line + "\n")


def _write_parquet(path: Path, table: VectorTable, rows: Iterator[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"line": pa.int64(), "position": pa.int64()}
    fields = [(name, types.get(name, pa.string())) for name in table.columns]
    vector = ("embedding", pa.list_(pa.float32(), table.width))
    schema = pa.schema([*fields, vector], metadata={_MARK: b""})
    with pq.ParquetWriter(path, schema) as writer:
        while group := list(islice(rows, _GROUP)):
            values = list(zip(*(before for before, _ in group), strict=True))
            flat = pa.array(np.concatenate([vector for _, vector in group]))
            vectors = pa.FixedSizeListArray.from_arrays(flat, table.width)
            writer.write_table(pa.table([*map(list, values), vectors], schema=schema))


_FORMATS: dict[str, Callable[[Path, VectorTable, Iterator[Row]], None]] = {
    ".npz": _write_npz,
    ".csv": _write_csv,
    ".tsv": _write_tsv,
    ".parquet": _write_parquet,
}


def _digits(vector: NDArray[np.float32]) -> list[str]:
    return [f"{number:.7g}" for number in vector.tolist()]


def _is_own(path: Path) -> bool:
    """Whether a file looks as one that `write_vectors` wrote."""
    match path.suffix.lower():
        case ".npz":
            if not zipfile.is_zipfile(path):
                return False
            with zipfile.ZipFile(path) as archive:
                names = {name.removesuffix(".npy") for name in archive.namelist()}
            return "embeddings" in names and names <= _ARRAYS
        case ".parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            try:
                return _MARK in (pq.read_schema(path).metadata or {})
            except pa.ArrowException:
                return False
        case _:
            with path.open("rb") as file:
                return _HEADER.match(file.read(_HEAD)) is not None
