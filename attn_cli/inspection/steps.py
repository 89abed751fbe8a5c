"""The pieces that a lesson is made of, for the terminal and for a page alike."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Formula:
    """Lines of arithmetic, set as they are."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Numbers with a name to each row and column.

    Attributes:
        caption: What they are, with the shape: `query, head 1 (T, D)`.
        columns: A heading for each column.
        rows: The name of each row, and its cells.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class SideBySide:
    """Two tables to compare."""

    left: Table
    right: Table


Part = str | Formula | Table | SideBySide


@dataclass(frozen=True)
class Step:
    """One step of a lesson.

    Attributes:
        title: What it is about, in a few words.
        parts: Paragraphs, arithmetic and tables, in order.
    """

    title: str
    parts: tuple[Part, ...]
