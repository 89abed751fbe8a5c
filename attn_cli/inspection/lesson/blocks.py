"""What a lesson is built from: paragraphs, formulas, tables and maps of attention."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Formula:
    """Lines of arithmetic, printed as they are."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Cells under column headings, with a name before each row."""

    caption: str  # what they are, with the shape: `queries of head 1, (T, D) = (5, 8)`
    columns: tuple[str, ...]  # a heading for each column
    rows: tuple[tuple[str, tuple[str, ...]], ...]  # the name of each row, and its cells

    @classmethod
    def of_columns(
        cls, caption: str, names: Iterable[str], columns: Mapping[str, Iterable[str]]
    ) -> Table:
        """The table of these columns by their headings, as long as there are names."""
        rows = zip(*columns.values(), strict=True)
        return cls(caption, tuple(columns), tuple(zip(names, rows, strict=False)))


@dataclass(frozen=True)
class SideBySide:
    """Two tables to compare."""

    left: Table
    right: Table


@dataclass(frozen=True)
class Map:
    """Attention weights to look at as a picture: a row a query, a column a key."""

    caption: str
    rows: tuple[str, ...]  # the symbol of each query
    columns: tuple[str, ...]  # and of each key
    weights: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Maps:
    """Maps of a text to compare, beside each other; of the whole text, where tables cut it."""

    maps: tuple[Map, ...]


Part = str | Formula | Table | SideBySide | Maps


@dataclass(frozen=True)
class Stage:
    """One stage of a text's way through a model."""

    name: str  # "attention"; `stages.py` has them all
    shape: str  # of what leaves it, in this model and on this text: (5, 16), or 4 × (5, 5)
    plan: str = field(default="", compare=False, repr=False)  # with a place for the length


@dataclass(frozen=True)
class LessonStep:
    """One step of a lesson."""

    title: str  # what it is about, in a few words
    parts: tuple[Part, ...]  # paragraphs, formulas, tables and maps, in order
    stage: str = ""  # the name of the stage that it belongs to
    way: tuple[Stage, ...] = ()  # all stages of this lesson, in the order of the computation
    plan: tuple[object, ...] = ()  # what the parts show, declared (`declared.py`)
    sources: tuple[int, ...] = ()  # which of `plan` each part comes from
