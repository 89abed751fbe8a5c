"""How the bytes of a text file are written: its mark, its line ends, and what is not UTF-8."""

import codecs
from dataclasses import dataclass
from pathlib import Path

from attn_cli.text.compressed import Readable, open_compressed

BLOCK = 1 << 16  # bytes read at a time
MAX_INVALID = 1000  # invalid bytes after which a file is not read further
_MAX_PLACES = 3


@dataclass(frozen=True)
class EncodingFacts:
    """How a file is written.

    Attributes:
        byte_order_mark: Whether it begins with the mark of UTF-8, which is dropped.
        carriage_returns: How many lines end with CR LF, or with CR; they are read as LF.
        invalid: How many bytes are not UTF-8, at most MAX_INVALID.
        places: The first of them: the line, from 1, and the byte itself.
    """

    byte_order_mark: bool
    carriage_returns: int
    invalid: int
    places: tuple[tuple[int, int], ...]


def check_encoding(path: Path) -> EncodingFacts:
    """How a file is written; it may be compressed.

    Raises:
        DatasetError: It is a damaged archive.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return _check(open_compressed(file, str(path)))


def _check(stream: Readable) -> EncodingFacts:
    places: list[tuple[int, int]] = []
    marked = False
    returns = invalid = 0
    line, held = 1, b""
    begin = True
    while (block := stream.read(BLOCK)) or held:
        if begin:
            marked, begin = block.startswith(codecs.BOM_UTF8), False
        returns += block.count(b"\r")
        block, final = held + block, not block
        position = 0
        while position < len(block):
            try:
                block[position:].decode("utf-8")
            except UnicodeDecodeError as error:
                start = position + error.start
                if error.end + position == len(block) and not final:
                    break  # a character that the next block completes
                invalid += 1
                if len(places) < _MAX_PLACES:
                    places.append((line + block.count(b"\n", 0, start), block[start]))
                position += error.end
            else:
                position = start = len(block)
            if invalid == MAX_INVALID:
                return EncodingFacts(marked, returns, invalid, tuple(places))
        else:
            start = len(block)
        line += block.count(b"\n", 0, start)
        held = block[start:]
    return EncodingFacts(marked, returns, invalid, tuple(places))
