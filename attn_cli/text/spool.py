"""A copy of a stream that can be read only once, so that its text can be read again."""

import shutil
import tempfile
import weakref
from collections.abc import Iterator
from typing import BinaryIO

from attn_cli.errors import DatasetError, OperationError
from attn_cli.text.compressed import open_compressed
from attn_cli.text.decoding import decode_stream


class Spool:
    """A copy of a stream in a temporary file, which is deleted with the spool.

    Args:
        stream: Read to its end at once.
        name: What to call it in an error.
        encoding: What its text is in.

    Raises:
        DatasetError: The stream is empty.
        OperationError: It cannot be read, or there is no space for the copy.
    """

    def __init__(self, stream: BinaryIO, name: str, encoding: str = "utf-8") -> None:
        self._name = name
        self._encoding = encoding
        try:
            # Closed by the finalizer: every reading of the text needs it open.
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
            weakref.finalize(self, self._file.close)
            shutil.copyfileobj(stream, self._file)
            self._file.flush()
        except OSError as error:
            raise OperationError(
                f"cannot copy {name} to a temporary file: {error.strerror or error}",
                hint="save the text to a file, and give its name",
            ) from None
        if not self._file.tell():
            raise DatasetError(f"{name} is empty", hint="give some text")

    def chunks(self) -> Iterator[str]:
        """The text from its beginning, in chunks; see `decode_stream`."""
        self._file.seek(0)
        return decode_stream(open_compressed(self._file, self._name), self._name, self._encoding)
