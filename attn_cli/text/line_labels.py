"""The labels of a labelled text: collected while it is read, then indexed line by line.

Shapes: M lines of the text that are not blank, N examples.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attn_cli.errors import DatasetError
from attn_cli.text.display import counted, quoted
from attn_cli.text.examples import Examples

MAX_LABELS = 2**16
# From so many labels on, more than one for every two lines suggest that the column has no labels.
_MANY = 100
_CHUNK = 2**22  # ids in which line breaks are looked for at once
_SHOWN = 5  # labels in a message


class LabelList:
    """The label of one line after the other, in two bytes each."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets all of them, to start over."""
        self.index: dict[str, int] = {}  # of each label, in the order of their first lines
        self.ids = array("H")  # of each line

    def append(self, label: str) -> None:
        """Adds the label of the next line.

        Raises:
            DatasetError: There are too many different ones.
        """
        label_id = self.index.setdefault(label, len(self.index))
        if label_id >= MAX_LABELS:
            raise DatasetError(
                f"there are over {MAX_LABELS:,} different labels, such as {quoted(label)}",
                hint="set data.label to the column that has the labels",
            )
        self.ids.append(label_id)


@dataclass(frozen=True, eq=False)
class LineLabels:
    """The label of each line of a text, blank lines included."""

    names: tuple[str, ...]  # all labels, sorted
    ids: NDArray[np.uint16]  # of each line, the index of its label among the names

    @classmethod
    def merged(cls, lists: Sequence[LabelList]) -> LineLabels:
        """Those of several documents, one after the other."""
        names = sorted(set().union(*(one.index for one in lists)))
        index = {name: number for number, name in enumerate(names)}
        parts = [
            np.array([index[name] for name in one.index], np.uint16)[
                np.frombuffer(one.ids, np.uint16)
            ]
            for one in lists
            if one.ids
        ]
        return cls(tuple(names), np.concatenate([np.zeros(0, np.uint16), *parts]))

    def digest(self) -> bytes:
        """SHA-256 of names and ids, which tells whether a label has changed."""
        identity = hashlib.sha256("\n".join(self.names).encode())
        identity.update(self.ids.astype("<u2").data)
        return identity.digest()

    def label(self, lines: Examples, names: Sequence[str]) -> Examples:
        """The lines of this text with their labels, as indices among the names of a model.

        Args:
            lines: All lines of the text but the blank ones.
            names: Every label of this text, and perhaps more.
        """
        index = {name: number for number, name in enumerate(names)}
        dtype = np.min_scalar_type(max(0, len(names) - 1))
        translated = np.array([index[name] for name in self.names], dtype)
        return replace(lines, line_labels=translated[self.ids[_line_numbers(lines)]])

    def check_known(self, names: Sequence[str], text: str) -> None:
        """Checks that a model has every label of this text.

        Args:
            names: The labels of the model.
            text: What to call the text in an error.

        Raises:
            DatasetError: It lacks some.
        """
        unknown = [name for name in self.names if name not in set(names)]
        if unknown:
            count = int(np.isin(self.ids, [self.names.index(name) for name in unknown]).sum())
            raise DatasetError(
                f"{text} has {counted(len(unknown), 'label')} that the model does not know, of "
                f"{counted(count, 'example')}: {shown_labels(unknown)}",
                hint="remove these examples, or train a new model with them; the model's labels: "
                f"{shown_labels(names)}",
            )

    def check_plausible(self, text: str) -> None:
        """Checks that there are labels to tell apart.

        Args:
            text: What to call the text in an error.

        Raises:
            DatasetError: All lines have the same, or nearly each has its own.
        """
        if len(self.names) < 2:
            raise DatasetError(
                f"all examples of {text} have the same label, {shown_labels(self.names)}",
                hint="give examples of two labels or more: a table with a column of labels "
                "(data.label), or a folder with a file for each label",
            )
        if len(self.names) >= _MANY and 2 * len(self.names) > len(self.ids):
            raise DatasetError(
                f"{text} has {len(self.names):,} different labels in {len(self.ids):,} examples, "
                f"such as {shown_labels(self.names)}: is that the column of labels?",
                hint="set data.label to the column that has the labels, data.column to the text's",
            )


def shown_labels(names: Sequence[str]) -> str:
    """Some labels for a message, `'Czech', 'German', ...`."""
    return ", ".join(map(quoted, names[:_SHOWN])) + ", ..." * (len(names) > _SHOWN)


def _line_numbers(lines: Examples) -> NDArray[np.int64]:
    """How many line breaks stand before each line of a text, (M,)."""
    ids: NDArray[Any] = lines.ids
    begins = lines.lines[:, 0]
    numbers = np.zeros(len(begins), np.int64)
    before = 0
    for first in range(0, len(ids), _CHUNK):
        breaks = first + np.flatnonzero(ids[first : first + _CHUNK] == lines.newline_id)
        here = slice(*begins.searchsorted([first + 1, first + _CHUNK + 1]))
        numbers[here] = before + breaks.searchsorted(begins[here])
        before += len(breaks)
    return numbers
