"""Finds the texts that a user names: files, folders, built-in texts, standard input."""

from __future__ import annotations

import difflib
import json
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from attn_cli.errors import DatasetError
from attn_cli.text.builtin import (
    BUILTIN_NAMES,
    LABELLED_NAMES,
    PAIR_FEATURES,
    builtin_path,
    generated_text,
)
from attn_cli.text.compressed import COMPRESSED, open_compressed
from attn_cli.text.decoding import read_file, split_lines, translate_read_errors
from attn_cli.text.file_kinds import is_wide
from attn_cli.text.label_file import LabelFile, check_label_files, file_label
from attn_cli.text.line_labels import LabelList, LineLabels
from attn_cli.text.pair_format import PairFormat
from attn_cli.text.pair_source import PairSource, open_pairs
from attn_cli.text.read_options import PLAIN, ReadOptions
from attn_cli.text.records import RecordColumns
from attn_cli.text.spool import Spool
from attn_cli.text.table_source import (
    PREFIX,
    TableSource,
    contains_tables,
    hint_on_table,
    open_tables,
    parse_hf_name,
)
from attn_cli.text.tables import open_table, text_table

SEPARATOR = "\f"  # between documents
TEXT_COLUMN, LABEL_COLUMN = "text", "label"  # of a table of a labelled text
SOURCE_COLUMN = "source"  # of a built-in table of pairs

# Control characters that no text contains, but nearly every binary file:
# all below the space except BEL to CR (7 to 13) and ESC (27).
_CONTROL = bytes(code for code in range(32) if not (7 <= code <= 13 or code == 27))
_SNIFFED = 8192  # bytes at the start of a file that tell whether it is binary


@dataclass(frozen=True)
class Document:
    """One text of a source, which can be read any number of times."""

    name: str  # what to call it in an error
    chunks: Callable[[], Iterator[str]]  # its text, in chunks of about a million characters
    # What the user should know of it, a line each; complete once it was read.
    notes: Callable[[], list[str]] = list
    # The label of each of its lines; complete once it was read.
    labels: LabelList | None = None
    pairs: PairSource | None = None  # what its lines are read from, where they are pairs


@dataclass(frozen=True)
class Source:
    """The text that a user named."""

    names: tuple[str, ...]  # for a configuration: absolute paths, built-in texts, hf:..., "-"
    name: str  # short, for a folder: of letters, digits, ".", "_" and "-"
    documents: tuple[Document, ...]  # its texts, in the order in which they are read
    left_out: Mapping[str, int]  # what of its folders was left out, and how many of it

    def chunks(self) -> Iterator[str]:
        """The whole text in chunks, in constant memory; each call starts over.

        Documents are joined by a form feed, unless the first already ends with one; those whose
        lines have labels or are pairs, by a newline.

        Raises:
            DatasetError: A document cannot be read, or is not text in UTF-8.
        """
        last = ""
        for document in self.documents:
            is_text = document.labels is None and document.pairs is None
            separator = SEPARATOR if is_text else "\n"
            first = True
            for chunk in document.chunks():
                if first and last and last != separator:
                    yield separator
                first = False
                last = chunk[-1]
                yield chunk

    def labels(self) -> LineLabels | None:
        """The label of each line, complete once the text has been read; None where none has one."""
        lists = [document.labels for document in self.documents if document.labels is not None]
        return LineLabels.merged(lists) if lists else None

    @property
    def pair_format(self) -> PairFormat | None:
        """How its lines are written, where they are pairs."""
        pairs = self.documents[0].pairs
        return None if pairs is None else pairs.pair_format

    @property
    def is_table(self) -> bool:
        """Whether its lines have labels or are pairs, which only a table can keep."""
        return self.pair_format is not None or self.labels() is not None

    def json_lines(self) -> Iterator[str]:
        """The lines of a table as JSON lines, from which the same text is read again.

        The text has been read before.
        """
        lines = (line.removesuffix("\n") for line in split_lines(self.chunks()))
        labels = self.labels()
        rows: Iterable[dict[str, str]]
        if (pairs := self.documents[0].pairs) is not None:
            rows = map(pairs.row, lines)
        else:
            assert labels is not None
            rows = (
                {TEXT_COLUMN: line, LABEL_COLUMN: labels.names[label]}
                for line, label in zip(lines, labels.ids, strict=True)
            )
        return (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    def notes(self) -> list[str]:
        """What was left out, a line each; complete once the text has been read."""
        notes = [note for document in self.documents for note in document.notes()]
        if self.left_out:
            notes.insert(0, _counts(self.left_out))
        notes += [
            f"{name} is the built-in text; what has this name here is .{os.sep}{name}"
            for name in self.names
            if name in BUILTIN_NAMES and Path(name).exists()
        ]
        return notes


def open_source(
    names: Sequence[str],
    stdin: BinaryIO | None = None,
    options: ReadOptions = PLAIN,
) -> Source:
    """The text that `names` name; of its files only the first bytes are read so far.

    A name is that of a built-in text, "-" for standard input, `hf:PATH:COLUMN` for a data
    set, or the path of a file or a folder; files may be compressed with gzip, xz or
    zstd. A folder stands for all files below it, in the order of their relative paths,
    without hidden files, files that look binary, and runs of attn. Standard input, or a
    path that is a pipe, is copied to a temporary file.

    Args:
        names: At least one.
        stdin: What "-" reads; standard input if None.
        options: How they are read.

    Raises:
        DatasetError: A name names nothing, or something without text.
        MissingPackageError: A name needs a package that is not installed.
        OperationError: There is no space for a copy of standard input.
    """
    all_names: list[str] = []
    documents: list[Document] = []
    left_out: Counter[str] = Counter()
    for name in names:
        stored, found, more_left_out = _find(name, stdin, options)
        all_names.append(stored)
        documents.extend(found)
        if found and found[0].pairs is not None:  # all are read as the first
            options = options.resolved(found[0].pairs.pair_format)
        left_out += more_left_out
    return Source(tuple(all_names), _short_name(all_names), tuple(documents), left_out)


def _find(
    name: str, stdin: BinaryIO | None, options: ReadOptions
) -> tuple[str, list[Document], Counter[str]]:
    """The name from any folder, the documents, and what was left out."""
    if name in BUILTIN_NAMES:
        named = options.column is not None or options.label is not None
        if named and not (options.pairs and name in PAIR_FEATURES):
            raise DatasetError(
                f"the built-in text {name!r} is read as it is",
                hint="leave data.column and data.label out",
            )
        return name, [_builtin_document(name, options)], Counter()
    if name == "-":
        stream = stdin or sys.stdin.buffer
        return "-", [_spooled_document(stream, "standard input", options)], Counter()
    if name.startswith(PREFIX):
        path, column = parse_hf_name(name)
        return f"{PREFIX}{path}:{column}", [_table_document(path, column, options)], Counter()
    path = Path(name)
    mode = _mode(name)
    if stat.S_ISFIFO(mode):
        # As from a shell's <(command): like standard input, it can be read only once.
        with translate_read_errors(path), path.open("rb") as stream:
            return "-", [_spooled_document(stream, str(path), options)], Counter()
    # Path.resolve() would follow links, and lose the name that the user gave.
    stored = os.path.abspath(path)  # noqa: PTH100
    if stat.S_ISDIR(mode) and _is_run(path) and (path / "config.yaml").is_file():
        raise DatasetError(f"{path} is a run, not a text", "give the text that it was trained on")
    is_table = options.are_tables
    if options.labelled and not is_table:
        is_table = not stat.S_ISDIR(mode) or contains_tables(path)
    if is_table:
        return stored, [_table_document(path, options.column, options)], Counter()
    if stat.S_ISDIR(mode):
        return stored, *_folder_documents(path, options)
    return stored, [_file_document(path, options.encoding)], Counter()


def _table_document(
    path: Path, column: str | Sequence[str] | None, options: ReadOptions
) -> Document:
    """A column of a table, or of a folder of tables; or their pairs."""
    columns = options.columns(column)
    with translate_read_errors(path):
        if options.pairs:
            pairs = open_pairs(path, options.encoding, columns, options.target_tokens)
            return Document(pairs.name, pairs.chunks, pairs.notes, pairs=pairs)
        rows = open_tables(path, options.encoding, columns, _separator(options))
    return Document(rows.name, rows.chunks, rows.notes, rows.labels)


def _separator(options: ReadOptions) -> str:
    """What the rows of a table are joined by."""
    return "\n" if options.lines else SEPARATOR


def _builtin_document(name: str, options: ReadOptions) -> Document:
    path = builtin_path(name)
    if options.labelled and name not in LABELLED_NAMES:
        raise DatasetError(
            f"the built-in text {name!r} has no labels",
            hint=f"give {', '.join(LABELLED_NAMES)}, a table of texts and labels, or a folder with "
            "a file for each label",
        )
    if options.pairs and name not in PAIR_FEATURES:
        raise DatasetError(
            f"the built-in text {name!r} has no targets",
            hint=f"give {', '.join(PAIR_FEATURES)}, or a table of sources and targets",
        )
    if path is None:
        return Document(name, lambda: iter((generated_text(name),)))
    if name not in LABELLED_NAMES and name not in PAIR_FEATURES:
        return Document(name, partial(read_file, path))
    if options.pairs:
        columns = options.columns(options.column)
        table = partial(open_table, path, "utf-8", columns.names)
        pairs = PairSource(name, [table], columns, options.target_tokens)
        return Document(name, pairs.chunks, pairs.notes, pairs=pairs)
    text = TEXT_COLUMN if name in LABELLED_NAMES else SOURCE_COLUMN
    columns = RecordColumns((text,), label=LABEL_COLUMN if options.labelled else None)
    table = partial(open_table, path, "utf-8", columns.names)
    rows = TableSource(name, [table], columns, _separator(options))
    return Document(name, rows.chunks, labels=rows.labels)


def _mode(name: str) -> int:
    with translate_read_errors(Path(name)):
        try:
            if name:  # an empty path would be the current folder
                return Path(name).stat().st_mode
        except (FileNotFoundError, NotADirectoryError, ValueError):
            pass  # ValueError: a NUL character in the name
    raise _nothing_of_this_name(name)


def _nothing_of_this_name(name: str) -> DatasetError:
    """The error about a name that names nothing, with the nearest one that does."""
    parent = Path(name).parent
    names: list[str] = [] if os.sep in name else list(BUILTIN_NAMES)
    with suppress(OSError, ValueError):
        names += [path.as_posix() for path in parent.iterdir() if path.name[0] != "."]
    if os.sep in name and not os.path.lexists(parent):
        return DatasetError(
            f"there is no file or folder {name!r}", hint=f"the folder {parent} is not there either"
        )
    nearest = difflib.get_close_matches(name, names, n=1)
    nearest = nearest or difflib.get_close_matches(name.lower(), names, n=1)
    choices = f"give a file, a folder, - or one of: {', '.join(BUILTIN_NAMES)}"
    return DatasetError(
        f"there is no file, folder or built-in text {name!r}",
        hint=f"did you mean {nearest[0]}?" if nearest else choices,
    )


def _file_document(path: Path, encoding: str) -> Document:
    with translate_read_errors(path), path.open("rb") as stream:
        if not stream.read(1):
            raise DatasetError(f"{path} is empty", hint="give a file with text")
    return Document(
        str(path), partial(read_file, path, encoding), partial(hint_on_table, path, encoding)
    )


def _folder_documents(folder: Path, options: ReadOptions) -> tuple[list[Document], Counter[str]]:
    """The text files of a folder, each perhaps a label, and what else was left out."""
    paths, left_out = _text_files(folder, options.encoding)
    if not options.labelled:
        chunks = [partial(read_file, path, options.encoding) for path in paths]
        return [*map(Document, map(str, paths), chunks)], left_out
    check_label_files(folder, paths)
    files = [LabelFile(path, file_label(path, folder), options.encoding) for path in paths]
    return [Document(file.name, file.chunks, labels=file.labels) for file in files], left_out


def _text_files(folder: Path, encoding: str) -> tuple[list[Path], Counter[str]]:
    """The text files of a folder, and what else was left out."""
    paths: list[Path] = []
    left_out: Counter[str] = Counter()

    def stop(error: OSError) -> None:
        with translate_read_errors(Path(error.filename)):
            raise error

    for parent, folders, files in os.walk(folder, onerror=stop):
        inside = {name: _reason_to_leave_out(Path(parent, name)) for name in folders}
        left_out.update(filter(None, inside.values()))
        folders[:] = [name for name, reason in inside.items() if reason is None]
        shown = [name for name in files if not name.startswith(".")]
        if len(shown) < len(files):
            left_out["hidden files"] += len(files) - len(shown)
        paths.extend(Path(parent, name) for name in shown)
    # Sorted as text, so that the order is the same on every system.
    paths.sort(key=lambda path: path.relative_to(folder).as_posix())
    texts = []
    for path in paths:
        if not path.is_file():
            left_out["names that are no files"] += 1  # a broken link, a pipe
        elif _looks_binary(path, encoding):
            left_out["files that look binary"] += 1
        else:
            texts.append(path)
    if not texts:
        raise DatasetError(
            f"the folder {folder} has no text files{f'; {_counts(left_out)}' if left_out else ''}",
            hint="give a folder with text files",
        )
    return texts, left_out


def _counts(left_out: Mapping[str, int]) -> str:
    """What was left out, as `left out: linked folders (2)`."""
    return f"left out: {', '.join(f'{what} ({count})' for what, count in left_out.items())}"


def _reason_to_leave_out(folder: Path) -> str | None:
    """What a folder in a folder of texts is that is not looked into; None for one that is."""
    if folder.name.startswith("."):
        return "hidden folders"
    if folder.is_symlink():  # which may lead in a circle, or out of the folder
        return "linked folders"
    # A run's metrics and samples are not meant to be trained on.
    return "runs" if _is_run(folder) else None


def _is_run(folder: Path) -> bool:
    return (folder / "checkpoints").is_dir()


def _looks_binary(path: Path, encoding: str) -> bool:
    with translate_read_errors(path), path.open("rb") as stream:
        head = open_compressed(stream, str(path)).read(_SNIFFED)
    if is_wide(encoding):
        head = head.decode(encoding, "ignore").encode("utf-8", "ignore")
    return len(head.translate(None, _CONTROL)) < len(head)


def _spooled_document(stream: BinaryIO, name: str, options: ReadOptions) -> Document:
    spool = Spool(stream, name, options.encoding)
    if not (options.are_tables or options.labelled):
        return Document(name, spool.chunks)
    is_json = next(spool.chunks()).lstrip().startswith("{")
    columns = options.columns(options.column)
    kind = ".jsonl" if is_json else None
    table = partial(text_table, name, kind, spool.chunks, columns.names)
    if options.pairs:
        pairs = PairSource(name, [table], columns, options.target_tokens)
        return Document(name, pairs.chunks, pairs.notes, pairs=pairs)
    rows = TableSource(name, [table], columns, _separator(options))
    return Document(name, rows.chunks, rows.notes, rows.labels)


def _short_name(names: Sequence[str]) -> str:
    first = names[0]
    is_data_set = first.startswith(PREFIX)
    if first == "-":
        short = "stdin"
    elif first in BUILTIN_NAMES:
        short = first
    else:
        path = Path(first.removeprefix(PREFIX).rpartition(":")[0] if is_data_set else first)
        stem = path.with_suffix("").stem if path.suffix in COMPRESSED else path.stem
        short = path.name if path.is_dir() else stem
    if not short.isascii():
        from anyascii import anyascii

        short = anyascii(short)
    short = re.sub(r"[^A-Za-z0-9._-]+", "-", short).strip(".-")[:60] or "text"
    return short if len(names) == 1 else f"{short}-and-{len(names) - 1}-more"
