"""The beginning of a text as code points, and where in its documents a place is."""

import itertools
import re
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attn_cli.text.sources import Source

_LINE_START = re.compile(r"\n[^\n]")
_MIN_LINES = 20
_SORTED = 0.95  # of neighbouring lines, those in order, from which lines are sorted


@dataclass(frozen=True, eq=False)
class ReadText:
    """A text that was read once.

    Attributes:
        codes: Its code points, or those of its beginning, (N,).
        starts: Where its documents begin.
        names: What they are called.
        chars: How many characters it has.
        utf8_bytes: How many bytes they are in UTF-8.
        lines: How many lines that are not empty.
    """

    codes: NDArray[np.uint32]
    starts: tuple[int, ...]
    names: tuple[str, ...]
    chars: int
    utf8_bytes: int
    lines: int

    def lines_of(self, begin: int, length: int) -> str:
        """Where a passage is, as `a.txt lines 3-17`."""
        document = bisect_right(self.starts, begin) - 1
        newline = ord("\n")
        before = int(np.count_nonzero(self.codes[self.starts[document] : begin] == newline))
        inside = int(np.count_nonzero(self.codes[begin : begin + length] == newline))
        return f"{Path(self.names[document]).name} lines {before + 1}-{before + inside + 1}"

    def text(self, begin: int, length: int) -> str:
        """A passage of the text."""
        return self.codes[begin : begin + length].tobytes().decode("utf-32-le")

    @property
    def is_sorted(self) -> bool:
        """Whether the lines are in alphabetical order."""
        lines = [line for line in self.text(0, len(self.codes)).split("\n") if line]
        if len(lines) < _MIN_LINES:
            return False
        folded = [line.casefold() for line in lines]
        in_order = sum(a <= b for a, b in itertools.pairwise(folded))
        return len(set(lines)) > 1 and in_order >= _SORTED * (len(lines) - 1)


def read_text(source: Source, max_chars: int) -> ReadText:
    """Reads a text once, and keeps its beginning.

    Raises:
        DatasetError: A document cannot be read, or is not text.
    """
    kept: list[str] = []
    starts = []
    chars = utf8_bytes = lines = 0
    for document in source.documents:
        starts.append(chars)
        last = "\n"
        for chunk in document.chunks():
            if chars < max_chars:
                kept.append(chunk[: max_chars - chars])
            chars += len(chunk)
            utf8_bytes += len(chunk.encode())
            lines += len(_LINE_START.findall(last + chunk))
            last = chunk[-1]
    codes = np.frombuffer("".join(kept).encode("utf-32-le"), dtype="<u4")
    names = tuple(document.name for document in source.documents)
    return ReadText(codes, tuple(starts), names, chars, utf8_bytes, lines)
