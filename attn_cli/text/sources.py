"""Finds the texts that a user names: files, folders, built-in texts, standard input."""

import difflib
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from attn_cli.errors import DatasetError
from attn_cli.text.builtin import BUILTIN_NAMES, builtin_path, generated_text
from attn_cli.text.compressed import open_compressed
from attn_cli.text.decoding import decode_stream
from attn_cli.text.spool import Spool
from attn_cli.text.table_source import PREFIX, TableSource

SEPARATOR = "\f"  # between documents

# Control characters that no text contains, but nearly every binary file:
# all below the space except BEL to CR (7 to 13) and ESC (27).
_CONTROL = bytes(code for code in range(32) if not (7 <= code <= 13 or code == 27))
_COMPRESSED = (".gz", ".xz", ".zst")
_SNIFFED = 8192  # bytes at the start of a file that tell whether it is binary


@dataclass(frozen=True)
class Document:
    """One text of a source, which can be read any number of times."""

    name: str  # what to call it in an error
    chunks: Callable[[], Iterator[str]]  # its text, in chunks of about a million characters
    note: Callable[[], str] = str  # what was left out when it was last read; empty for nothing


@dataclass(frozen=True)
class Source:
    """The text that a user named."""

    names: tuple[str, ...]  # for a configuration: absolute paths, built-in texts, hf:..., "-"
    name: str  # short, for a folder: of letters, digits, ".", "_" and "-"
    documents: tuple[Document, ...]  # its texts, in the order in which they are read
    left_out: Mapping[str, int]  # what of its folders was left out, and how many of it

    def chunks(self) -> Iterator[str]:
        """The whole text in chunks, in constant memory; each call starts over.

        Documents are joined by a form feed, unless the first already ends with one.

        Raises:
            DatasetError: A document cannot be read, or is not text in UTF-8.
        """
        last = ""
        for document in self.documents:
            first = True
            for chunk in document.chunks():
                if first and last and last != SEPARATOR:
                    yield SEPARATOR
                first = False
                last = chunk[-1]
                yield chunk

    def notes(self) -> list[str]:
        """What was left out, a line each; complete once the text has been read."""
        notes = [document.note() for document in self.documents]
        if self.left_out:
            notes.insert(0, _counts(self.left_out))
        notes += [
            f"{name} is the built-in text; what has this name here is .{os.sep}{name}"
            for name in self.names
            if name in BUILTIN_NAMES and Path(name).exists()
        ]
        return [note for note in notes if note]


def open_source(names: Sequence[str], stdin: BinaryIO | None = None) -> Source:
    """The text that `names` name; of its files only the first bytes are read so far.

    A name is that of a built-in text, "-" for standard input, `hf:PATH:COLUMN` for a data
    set, or the path of a file or a folder; files may be compressed with gzip, xz or
    zstd. A folder stands for all files below it, in the order of their relative paths,
    without hidden files, files that look binary, and runs of attn. Standard input, or a
    path that is a pipe, is copied to a temporary file.

    Args:
        names: At least one.
        stdin: What "-" reads; standard input if None.

    Raises:
        DatasetError: A name names nothing, or something without text.
        MissingPackageError: A name needs a package that is not installed.
        OperationError: There is no space for a copy of standard input.
    """
    all_names: list[str] = []
    documents: list[Document] = []
    left_out: Counter[str] = Counter()
    for name in names:
        stored, found, more_left_out = _find(name, stdin)
        all_names.append(stored)
        documents.extend(found)
        left_out += more_left_out
    return Source(tuple(all_names), _short_name(all_names), tuple(documents), left_out)


def _find(name: str, stdin: BinaryIO | None) -> tuple[str, list[Document], Counter[str]]:
    """The name from any folder, the documents, and what was left out."""
    if name in BUILTIN_NAMES:
        return name, [_builtin_document(name)], Counter()
    if name == "-":
        return "-", [_spooled_document(stdin or sys.stdin.buffer, "standard input")], Counter()
    if name.startswith(PREFIX):
        rows = TableSource(name, SEPARATOR)
        return rows.name, [Document(rows.name, rows.chunks, rows.note)], Counter()
    path = Path(name)
    mode = _mode(name)
    if stat.S_ISFIFO(mode):
        # As from a shell's <(command): like standard input, it can be read only once.
        with _translate_read_errors(path), path.open("rb") as stream:
            return "-", [_spooled_document(stream, str(path))], Counter()
    # Path.resolve() would follow links, and lose the name that the user gave.
    stored = os.path.abspath(path)  # noqa: PTH100
    if stat.S_ISDIR(mode):
        if _is_run(path) and (path / "config.yaml").is_file():
            raise DatasetError(f"{path} is a run, not a text", "give the text that it was made of")
        return stored, *_folder_documents(path)
    return stored, [_file_document(path)], Counter()


def _builtin_document(name: str) -> Document:
    path = builtin_path(name)
    if path is None:
        return Document(name, lambda: iter((generated_text(name),)))
    return Document(name, partial(_read_file, path))


def _mode(name: str) -> int:
    with _translate_read_errors(Path(name)):
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


def _read_file(path: Path) -> Iterator[str]:
    with _translate_read_errors(path), path.open("rb") as stream:
        yield from decode_stream(open_compressed(stream, str(path)), str(path))


def _file_document(path: Path) -> Document:
    with _translate_read_errors(path), path.open("rb") as stream:
        if not stream.read(1):
            raise DatasetError(f"{path} is empty", hint="give a file with text")
    return Document(str(path), partial(_read_file, path))


def _folder_documents(folder: Path) -> tuple[list[Document], Counter[str]]:
    """The text files of a folder, and what else was left out, but for what is hidden."""
    paths: list[Path] = []
    left_out: Counter[str] = Counter()

    def stop(error: OSError) -> None:
        with _translate_read_errors(Path(error.filename)):
            raise error

    for parent, folders, files in os.walk(folder, onerror=stop):
        inside = {name: _reason_to_leave_out(Path(parent, name)) for name in folders}
        left_out.update(reason for reason in inside.values() if reason not in (None, _HIDDEN))
        folders[:] = [name for name, reason in inside.items() if reason is None]
        paths.extend(Path(parent, name) for name in files if not name.startswith("."))
    # Sorted as text, so that the order is the same on every system.
    paths.sort(key=lambda path: path.relative_to(folder).as_posix())
    texts = []
    for path in paths:
        if not path.is_file():
            left_out["names that are no files"] += 1  # a broken link, a pipe
        elif _looks_binary(path):
            left_out["files that look binary"] += 1
        else:
            texts.append(path)
    if not texts:
        raise DatasetError(
            f"the folder {folder} has no text files{f'; {_counts(left_out)}' if left_out else ''}",
            hint="give a folder with text files in UTF-8; hidden files are left out",
        )
    return [Document(str(path), partial(_read_file, path)) for path in texts], left_out


def _counts(left_out: Mapping[str, int]) -> str:
    """What was left out, as `left out: linked folders (2)`."""
    return f"left out: {', '.join(f'{what} ({count})' for what, count in left_out.items())}"


_HIDDEN = "hidden folders"


def _reason_to_leave_out(folder: Path) -> str | None:
    """What a folder in a folder of texts is that is not looked into; None for one that is."""
    if folder.name.startswith("."):
        return _HIDDEN
    if folder.is_symlink():  # which may lead in a circle, or out of the folder
        return "linked folders"
    # A run's metrics and samples are not meant to be trained on.
    return "runs" if _is_run(folder) else None


def _is_run(folder: Path) -> bool:
    return (folder / "checkpoints").is_dir()


def _looks_binary(path: Path) -> bool:
    with _translate_read_errors(path), path.open("rb") as stream:
        head = open_compressed(stream, str(path)).read(_SNIFFED)
    return len(head.translate(None, _CONTROL)) < len(head)


def _spooled_document(stream: BinaryIO, name: str) -> Document:
    return Document(name, Spool(stream, name).chunks)


def _short_name(names: Sequence[str]) -> str:
    first = names[0]
    is_data_set = first.startswith(PREFIX)
    if first == "-":
        short = "stdin"
    elif first in BUILTIN_NAMES:
        short = first
    else:
        path = Path(first.removeprefix(PREFIX).rpartition(":")[0] if is_data_set else first)
        stem = path.with_suffix("").stem if path.suffix in _COMPRESSED else path.stem
        short = path.name if path.is_dir() else stem
    if not short.isascii():
        from anyascii import anyascii

        short = anyascii(short)
    short = re.sub(r"[^A-Za-z0-9._-]+", "-", short).strip(".-")[:60] or "text"
    return short if len(names) == 1 else f"{short}-and-{len(names) - 1}-more"


@contextmanager
def _translate_read_errors(path: Path) -> Iterator[None]:
    """Context manager: turns an OSError into a DatasetError that names the file."""
    try:
        yield
    except OSError as error:
        raise DatasetError(
            f"cannot read {path}: {error.strerror or error}", hint="give a file that can be read"
        ) from None
