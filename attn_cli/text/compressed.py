"""gzip, xz and zstd, told by their first bytes and unpacked while they are read."""

import gzip
import importlib
import lzma
import sys
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

from attn_cli.errors import DatasetError, MissingExtraError

# No text in UTF-8 begins like one of these, so a name without an ending will do.
_KINDS = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_BLOCK = 1 << 16  # bytes of an archive read at a time
# Python's own from 3.14 on, and the same for older ones.
_ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
# `xz -9` asks for 65 MiB to unpack, `zstd --ultra` for 128; a file can ask for gigabytes.
_MOST_MEMORY = 1 << 28  # bytes


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes; fewer at the end alone."""


def open_compressed(stream: BinaryIO, name: str) -> Readable:
    """What is in an archive; a stream that is none, as it is.

    However much a few bytes unpack to, no more of it is in memory than what is read.

    Args:
        stream: At its beginning; it can be set back to there.
        name: What to call it in an error.

    Raises:
        DatasetError: while it is read: the archive is damaged or cut short.
        MissingExtraError: unpacking it needs a package that is not here.
    """
    head = stream.read(max(map(len, _KINDS)))
    stream.seek(0)
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
            return _Archive(stream, kind, name)
    return stream


class _Archive:
    """The bytes that are packed in a stream."""

    def __init__(self, stream: BinaryIO, kind: str, name: str) -> None:
        self._kind = kind
        self._name = name
        self._errors: tuple[type[Exception], ...] = (gzip.BadGzipFile, zlib.error, lzma.LZMAError)
        if kind == "gzip":
            self._file: Readable = gzip.GzipFile(fileobj=stream)
        elif kind == "xz":
            self._file = _Frames(stream, lambda: lzma.LZMADecompressor(memlimit=_MOST_MEMORY))
        else:
            zstd = _zstd(name)
            self._errors += (zstd.ZstdError,)
            self._file = _Frames(stream, zstd.ZstdDecompressor)

    def read(self, size: int, /) -> bytes:
        try:
            return self._file.read(size)
        except EOFError:
            raise DatasetError(
                f"{self._name} is cut short: its {self._kind} data does not end",
                hint="copy or download it again",
            ) from None
        except self._errors as error:
            raise DatasetError(
                f"{self._name} is damaged: its {self._kind} data cannot be unpacked ({error})",
                hint="copy or download it again, or unpack it yourself",
            ) from None


class _Frames:
    """What one or more frames of xz or zstd hold, one after the other.

    Python's own files for these do the same, but let an archive say how much memory it takes.
    """

    def __init__(self, stream: BinaryIO, begin: Callable[[], Any]) -> None:
        self._stream = stream
        self._begin = begin
        self._frame = begin()

    def read(self, size: int, /) -> bytes:
        pieces: list[bytes] = []
        while size > 0 and (piece := self._piece(size)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _piece(self, most: int) -> bytes:
        """Up to `most` bytes; none at the end."""
        while True:
            packed = b""
            if self._frame.eof:
                packed = self._frame.unused_data.lstrip(b"\0")  # xz fills up with zeros
                while not packed:
                    block = self._stream.read(_BLOCK)
                    if not block:
                        return b""
                    packed = block.lstrip(b"\0")
                self._frame = self._begin()
            elif self._frame.needs_input:
                packed = self._stream.read(_BLOCK)
                if not packed:
                    raise EOFError
            if piece := self._frame.decompress(packed, most):
                return bytes(piece)


def _zstd(name: str) -> Any:
    try:
        return importlib.import_module(_ZSTD)
    except ImportError:
        raise MissingExtraError(f"{name}, packed with zstd,", _ZSTD) from None
