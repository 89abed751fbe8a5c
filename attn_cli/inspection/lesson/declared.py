"""Parts of a lesson by what they show, so that the page can show it of another text.

An `Expression` names numbers of a forward pass; texts may have places (`said.py`). Each part has a
`render` in `rendering.py`, and one of the same name in the page's `lesson_parts.js`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from attn_cli.inspection.lesson.blocks import Formula, Part, SideBySide, Table
from attn_cli.inspection.lesson.said import Expression


@dataclass(frozen=True)
class VectorTable:
    """A row of channels for each shown key, of (S, channels)."""

    what: str
    axes: str
    vectors: Expression


@dataclass(frozen=True)
class PairTable:
    """Queries down, keys across."""

    what: str
    numbers: Expression
    decimals: int = 3
    axes: str = "T, T"


@dataclass(frozen=True)
class MatrixTable:
    """Vectors under each other, each with a name."""

    caption: str
    names: tuple[str, ...]
    rows: tuple[Expression, ...]


@dataclass(frozen=True)
class PositionTable:
    """Something of each shown query.

    Of the query: "id", or "read", its character. Of the right answer: "answer", the character
    itself, "probability" and "loss". Where these are shown, rows without an answer are not.
    """

    caption: str
    columns: Mapping[str, str]  # what each shows, by its heading


@dataclass(frozen=True)
class NgramTable:
    """The n-grams that end at each shown character, and the row of each."""

    caption: str
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class HeadsTable:
    """The weights of each head of the layer, for the followed character."""


@dataclass(frozen=True)
class DotProduct:
    """The dot product of two vectors under their headings."""

    caption: str
    left: tuple[str, Expression]
    right: tuple[str, Expression]
    bias: Expression = None


@dataclass(frozen=True)
class WorkedNorm:
    """A norm of a vector; one that centres is a LayerNorm, the other an RMSNorm."""

    caption: str
    vector: Expression
    gain: Expression
    bias: Expression
    eps: float
    centres: bool


@dataclass(frozen=True)
class WorkedSoftmax:
    """A softmax of some scores, of which the shown keys or the candidates have rows."""

    caption: str
    heading: str
    scores: Expression
    shown: str  # "keys" or "candidates"


@dataclass(frozen=True)
class WeightedSum:
    """The weighted sum of the values in channel 0, for the followed character."""


@dataclass(frozen=True)
class Temperatures:
    """The probabilities of the candidates at some temperatures."""

    temperatures: tuple[float, ...]


@dataclass(frozen=True)
class Pair:
    """Two tables to compare."""

    left: PairTable
    right: PairTable


@dataclass(frozen=True)
class PairMaps:
    """The same as maps of the whole text, in the terminal: a page draws its own."""

    tables: tuple[PairTable, ...]


@dataclass(frozen=True)
class When:
    """Parts where a condition holds."""

    condition: Expression
    parts: tuple[Declared, ...]


@dataclass(frozen=True)
class OfThisText:
    """A part that belongs to the text of the lesson, and that no page shows of another."""

    part: Part


Declared = (
    str
    | Formula
    | Table
    | SideBySide
    | VectorTable
    | PairTable
    | MatrixTable
    | PositionTable
    | NgramTable
    | HeadsTable
    | DotProduct
    | WorkedNorm
    | WorkedSoftmax
    | WeightedSum
    | Temperatures
    | Pair
    | PairMaps
    | When
    | OfThisText
)
