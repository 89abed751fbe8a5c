"""gzip, xz and zstd, recognised by their first bytes and decompressed while they are read."""

import gzip
import importlib
import lzma
import sys
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

from attn_cli.errors import DatasetError
from attn_cli.packages import require_package

COMPRESSED = (".gz", ".xz", ".zst")
# No UTF-8 text begins like one of these, so the name of a file does not matter.
_KINDS = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_BLOCK = 1 << 16  # bytes of an archive read at a time
# In the standard library from Python 3.14 on.
_ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
# `xz -9` needs 65 MiB to decompress, `zstd --ultra` 128; a file can ask for gigabytes.
_MAX_MEMORY = 1 << 28  # bytes


class Readable(Protocol):
    """A source of bytes."""

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes; fewer only at the end."""


def open_compressed(stream: BinaryIO, name: str) -> Readable:
    """The decompressed bytes of a stream, or the stream itself if it is not compressed.

    However much a few bytes decompress to, only what is read is held in memory.

    Args:
        stream: Seekable, at its beginning.
        name: What to call it in an error.

    Raises:
        DatasetError: While it is read: the archive is damaged or truncated.
        MissingPackageError: The package that decompresses it is not installed.
    """
    head = stream.read(max(map(len, _KINDS)))
    stream.seek(0)
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
            return _Archive(stream, kind, name)
    return stream


class _Archive:
    """The decompressed bytes of an archive."""

    def __init__(self, stream: BinaryIO, kind: str, name: str) -> None:
        self._kind = kind
        self._name = name
        self._errors: tuple[type[Exception], ...] = (gzip.BadGzipFile, zlib.error, lzma.LZMAError)
        if kind == "gzip":
            self._file: Readable = gzip.GzipFile(fileobj=stream)
        elif kind == "xz":
            self._file = _Frames(stream, lambda: lzma.LZMADecompressor(memlimit=_MAX_MEMORY))
        else:
            zstd = _zstd(name)
            self._errors += (zstd.ZstdError,)
            self._file = _Frames(stream, zstd.ZstdDecompressor)

    def read(self, size: int, /) -> bytes:
        try:
            return self._file.read(size)
        except EOFError:
            raise DatasetError(
                f"{self._name} is truncated: its {self._kind} data has no end",
                hint="copy or download it again",
            ) from None
        except self._errors as error:
            raise DatasetError(
                f"{self._name} is damaged: its {self._kind} data cannot be decompressed ({error})",
                hint="copy or download it again, or decompress it yourself",
            ) from None


class _Frames:
    """The decompressed bytes of one or more xz or zstd frames.

    The standard library's file objects do the same, but let an archive decide how much
    memory it takes.
    """

    def __init__(self, stream: BinaryIO, begin: Callable[[], Any]) -> None:
        self._stream = stream
        self._begin = begin
        self._frame = begin()

    def read(self, size: int, /) -> bytes:
        chunks: list[bytes] = []
        while size > 0 and (chunk := self._chunk(size)):
            chunks.append(chunk)
            size -= len(chunk)
        return b"".join(chunks)

    def _chunk(self, max_size: int) -> bytes:
        """Up to `max_size` bytes; empty at the end."""
        while True:
            compressed = b""
            if self._frame.eof:
                compressed = self._frame.unused_data.lstrip(b"\0")  # xz pads with zeros
                while not compressed:
                    block = self._stream.read(_BLOCK)
                    if not block:
                        return b""
                    compressed = block.lstrip(b"\0")
                self._frame = self._begin()
            elif self._frame.needs_input:
                compressed = self._stream.read(_BLOCK)
                if not compressed:
                    raise EOFError
            if chunk := self._frame.decompress(compressed, max_size):
                return bytes(chunk)


def _zstd(name: str) -> Any:
    require_package(f"{name}, compressed with zstd,", _ZSTD)
    return importlib.import_module(_ZSTD)
