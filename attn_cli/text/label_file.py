"""A file of a folder whose files are labels: each of its lines is a text with that label."""

import re
from collections.abc import Iterator
from pathlib import Path

from attn_cli.text.compressed import COMPRESSED
from attn_cli.text.decoding import join_texts, read_file, split_lines
from attn_cli.text.line_labels import LabelList

_BREAKS = re.compile(r"[\n\f]+")


class LabelFile:
    """The lines of a file as texts, labelled with the file's name without its ending.

    Args:
        path: The file; may be compressed.
        encoding: Of its text.

    Attributes:
        name: Its path.
        labels: Of each line that is not blank, complete once the texts have been read.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        self.name = str(path)
        self.labels = LabelList()
        self._path = path
        self._encoding = encoding
        stem = path.with_suffix("") if path.suffix in COMPRESSED else path
        self._label = " ".join(stem.stem.split())

    def chunks(self) -> Iterator[str]:
        """The lines that are not blank, joined by newlines; each call starts over.

        Raises:
            DatasetError: The file cannot be read.
        """
        return join_texts(self._texts(), "\n")

    def _texts(self) -> Iterator[str]:
        self.labels.clear()
        for line in split_lines(read_file(self._path, self._encoding)):
            text = _BREAKS.sub(" ", line).rstrip()
            if text:
                self.labels.append(self._label)
                yield text
