"""Decodes UTF-8, without a byte-order mark and with newlines as LF."""

import codecs
import io
from collections.abc import Iterator

from attn_cli.errors import DatasetError
from attn_cli.text.compressed import Readable
from attn_cli.text.file_kinds import check_plain_text, how_to_convert

BLOCK = 1 << 20  # bytes read at a time


def decode_stream(stream: Readable, name: str) -> Iterator[str]:
    """The text of `stream` in chunks of about a million characters.

    A byte-order mark is dropped; CRLF and CR become LF.

    Args:
        stream: The bytes, from their beginning.
        name: What to call it in an error.

    Raises:
        DatasetError: A byte is NUL or is not valid UTF-8, or the file is of another kind.
    """
    utf8 = codecs.getincrementaldecoder("utf-8")()
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    position = 0  # of the block's first byte in the stream
    while block := stream.read(BLOCK):
        if position == 0:
            check_plain_text(block, name)
        if (nul := block.find(b"\0")) >= 0:
            raise DatasetError(
                f"{name} looks binary: it has a NUL byte at position {position + nul}",
                hint="give a text file in UTF-8",
            )
        fresh = block
        if position == 0 and block.startswith(codecs.BOM_UTF8):
            fresh = block[len(codecs.BOM_UTF8) :]
        held = len(utf8.getstate()[0])  # of a character cut by the end of the last block
        try:
            text = utf8.decode(fresh)
        except UnicodeDecodeError as error:
            start = position + len(block) - len(fresh) - held
            raise _invalid(name, start, error) from None
        position += len(block)
        if text := newlines.decode(text):
            yield text
    held = len(utf8.getstate()[0])
    try:
        utf8.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _invalid(name, position - held, error) from None
    if text := newlines.decode("", final=True):
        yield text


def _invalid(name: str, start: int, error: UnicodeDecodeError) -> DatasetError:
    """The error, given the position in the stream of the first byte that the decoder had."""
    return DatasetError(
        f"{name} is not UTF-8: byte 0x{error.object[error.start]:02x} "
        f"at position {start + error.start}, counted from 0, is invalid",
        hint=how_to_convert(name, "WINDOWS-1252"),
    )
