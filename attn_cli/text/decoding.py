"""Decodes a text, in UTF-8 or another encoding, without its mark and with newlines as LF."""

import codecs
import io
import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from attn_cli.errors import DatasetError
from attn_cli.text.compressed import Readable, open_compressed
from attn_cli.text.file_kinds import check_plain_text, is_wide

BLOCK = 1 << 20  # bytes read at a time
_BREAKS = re.compile(r"[\n\f]+")


def read_file(path: Path, encoding: str = "utf-8") -> Iterator[str]:
    """The text of a file, which may be compressed; see `decode_stream`."""
    with translate_read_errors(path), path.open("rb") as stream:
        yield from decode_stream(open_compressed(stream, str(path)), str(path), encoding)


def decode_stream(stream: Readable, name: str, encoding: str = "utf-8") -> Iterator[str]:
    """The text of `stream` in chunks of about a million characters.

    A byte-order mark is dropped; CRLF and CR become LF.

    Args:
        stream: The bytes, from their beginning.
        name: What to call it in an error.
        encoding: By a name that Python knows.

    Raises:
        DatasetError: A character is NUL, a byte is invalid, or the file is of another kind.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    position, lines = 0, 0  # bytes decoded, and lines ended, before the block
    begun = False
    while True:
        block = stream.read(BLOCK)
        if position == 0:
            check_plain_text(block, name, encoding)
        if not is_wide(encoding) and (nul := block.find(b"\0")) >= 0:
            raise _binary(name, f"a NUL byte at position {position + nul}")
        pending, state = decoder.getstate()
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            decoder.setstate((b"", state))
            before = newlines.decode(decoder.decode(error.object[: error.start]), final=True)
            place = position - len(pending) + error.start, lines + before.count("\n") + 1
            raise _invalid(name, encoding, error.object[error.start], *place) from None
        text = newlines.decode(text, final=not block)
        if text and not begun:
            begun, text = True, text.removeprefix("\ufeff")
        if "\0" in text:
            raise _binary(name, f"a NUL character in line {lines + text.count(chr(10)) + 1}")
        if text:
            yield text
        position += len(block)
        lines += text.count("\n")
        if not block:
            return


def split_lines(chunks: Iterator[str]) -> Iterator[str]:
    """The lines of a text in chunks, each with the newline that ends it."""
    rest: list[str] = []  # of a line whose end has not been read
    for chunk in chunks:
        *lines, last = chunk.split("\n")
        for line in lines:
            yield "".join((*rest, line, "\n"))
            rest.clear()
        rest.append(last)
    if line := "".join(rest):
        yield line


def as_line(text: str) -> str:
    """The text on one line: line breaks become spaces, and those at its ends are dropped."""
    return _BREAKS.sub(" ", text.strip("\n\f"))


def join_texts(texts: Iterable[str], separator: str) -> Iterator[str]:
    """Texts in chunks of about a million characters, joined by a separator.

    None is put after a text that ends with one.
    """
    chunk: list[str] = []
    size, open_end = 0, False
    for text in texts:
        if open_end:
            chunk.append(separator)
        chunk.append(text)
        size += len(text)
        open_end = not text.endswith(separator)
        if size >= BLOCK:
            yield "".join(chunk)
            chunk, size = [], 0
    if chunk:
        yield "".join(chunk)


@contextmanager
def translate_read_errors(path: Path) -> Iterator[None]:
    """Context manager: turns an OSError into a DatasetError that names the file."""
    try:
        yield
    except OSError as error:
        raise DatasetError(
            f"cannot read {path}: {error.strerror or error}", hint="give a file that can be read"
        ) from None


def _binary(name: str, what: str) -> DatasetError:
    return DatasetError(f"{name} looks binary: it has {what}", hint="give a text file in UTF-8")


def _invalid(name: str, encoding: str, byte: int, position: int, line: int) -> DatasetError:
    """The error about a byte at a position in the file, from 0, and in a line of it, from 1."""
    shown, hint = encoding, "set data.encoding to the encoding that it is in"
    if encoding == "utf-8":
        # No single guess: read in a wrong one of these, a text is nonsense without an error.
        shown = "UTF-8"
        hint += (
            ", as windows-1252 for Western European text, windows-1251 or koi8-r for Russian; or "
            f"save it as UTF-8, as by iconv -f WINDOWS-1252 -t UTF-8 {shlex.quote(name)} > utf8.txt"
        )
    return DatasetError(
        f"{name} is not {shown}: byte 0x{byte:02x} at position {position}, counted from 0, in "
        f"line {line:,} is invalid",
        hint,
    )
