"""A stream that can be read only once, kept so that its text can be read again."""

import shutil
import tempfile
import weakref
from collections.abc import Iterator
from typing import BinaryIO

from attn_cli.errors import DatasetError, OperationError
from attn_cli.text.compressed import open_compressed
from attn_cli.text.decoding import decode_stream


class Spool:
    """What came from a stream, in a temporary file that goes when the spool does.

    Args:
        stream: Read to its end at once.
        name: What to call it in an error.

    Raises:
        DatasetError: nothing came.
        OperationError: there is no room to keep it.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._name = name
        try:
            # Closed by the finalizer: every reading of the text needs it open.
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
            weakref.finalize(self, self._file.close)
            shutil.copyfileobj(stream, self._file)
            self._file.flush()
        except OSError as error:
            raise OperationError(
                f"cannot keep {name} in a temporary file: {error.strerror or error}",
                hint="save the text to a file and name that",
            ) from None
        if not self._file.tell():
            raise DatasetError(f"{name} is empty", hint="give some text")

    def chunks(self) -> Iterator[str]:
        """The text from its beginning, in pieces; see `decode_stream`."""
        self._file.seek(0)
        return decode_stream(open_compressed(self._file, self._name), self._name)
