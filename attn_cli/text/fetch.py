"""Downloads a well-known text, pinned by its SHA-256."""

import hashlib
import http.client
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from attn_cli.errors import DatasetError, OperationError
from attn_cli.text.builtin import DOWNLOADS, Download, download_path

TIMEOUT = 30.0  # seconds without an answer
BLOCK = 1 << 16  # bytes read at a time

OnProgress = Callable[[int, int], None]


def fetch(name: str, url: str | None = None, on_progress: OnProgress | None = None) -> Path:
    """The path of the text `name`, downloaded unless it is already there and complete.

    Args:
        name: One of `DOWNLOADS`.
        url: A mirror to download it from; the checksum is verified all the same.
        on_progress: Called with the bytes received so far and the bytes expected.

    Raises:
        DatasetError: There is no such text, or the URL is neither http nor https.
        OperationError: The download failed, was another text, or could not be written.
    """
    if name not in DOWNLOADS:
        raise DatasetError(
            f"there is no text {name!r} to fetch", hint=f"choose one of: {', '.join(DOWNLOADS)}"
        )
    download = DOWNLOADS[name]
    path = download_path(name)
    address = url or download.url
    _check_address(address)
    hint = f"put the file at {path} by hand, or train on any file: attn train FILE"
    try:
        if _is_whole(path, download):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as beside:
            partial = Path(beside, path.name)
            with partial.open("wb") as stream:
                _receive(address, download, stream, on_progress, hint)
            partial.replace(path)
    except OSError as error:
        raise OperationError(
            f"cannot write {path}: {error.strerror or error}",
            hint="free space there, or set ATTN_CACHE to another folder",
        ) from None
    return path


def _receive(
    address: str, download: Download, stream: BinaryIO, on_progress: OnProgress | None, hint: str
) -> None:
    """Downloads `address` to `stream`, and checks that it is what was expected."""
    digest = hashlib.sha256()
    received = 0
    for block in _blocks(address, hint):
        received += len(block)
        if received > download.size:
            raise OperationError(
                f"{address} sent more than the {download.size:,} bytes expected", hint
            )
        digest.update(block)
        stream.write(block)
        if on_progress is not None:
            on_progress(received, download.size)
    if received < download.size:
        raise OperationError(f"{address} sent only {received:,} of {download.size:,} bytes", hint)
    if digest.hexdigest() != download.sha256:
        raise OperationError(
            f"{address} sent another text: its SHA-256 is {digest.hexdigest()}", hint
        )


def _blocks(address: str, hint: str) -> Iterator[bytes]:
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT) as response:
            while block := response.read(BLOCK):
                yield block
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection open
        raise OperationError(f"{address} answered {error.code} {error.reason}", hint) from None
    except (OSError, http.client.HTTPException) as error:
        raise OperationError(f"cannot reach {address}: {_reason(error)}", hint) from None


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", error)  # urllib wraps the error of the network
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def _is_whole(path: Path, download: Download) -> bool:
    if not path.is_file() or path.stat().st_size != download.size:
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == download.sha256


def _check_address(address: str) -> None:
    try:
        parts = urllib.parse.urlsplit(address)
    except ValueError:  # for example an unclosed [ of an IPv6 address
        parts = urllib.parse.urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DatasetError(
            f"not an http or https address: {address!r}", hint="give one such as https://host/file"
        )
