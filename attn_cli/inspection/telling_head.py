"""Which head of a forward pass is most worth looking at, and at which query.

Shapes: T queries, S keys, H heads, L layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attn_cli.inspection.alignment import alignment_bits
from attn_cli.text.display import printable_symbol

Weights = NDArray[np.float32]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class TellingHead:
    """A head, and the query of it that shows best what it does."""

    layer: int  # from 1
    head: int  # from 1
    query: int  # index of the row, from 0
    key: int  # index of the column that has most of what this query gives, from 0
    weight: float  # of its attention, 0 to 1

    @property
    def name(self) -> str:
        """The head as tables name it, `2.3`."""
        return f"{self.layer}.{self.head}"

    def sentence(self, queries: Sequence[str], keys: Sequence[str] | None = None) -> str:
        """What there is to see: "Head 2.3: 'x' at 19 gives 83% of its attention to 'o' at 5."

        Positions count from 0, as in the page and in `trace.attention`.

        Args:
            queries: The symbol of each row.
            keys: The symbol of each column, where it is another text.
        """
        query = f"'{printable_symbol(queries[self.query])}' at {self.query}"
        key = f"'{printable_symbol((keys or queries)[self.key])}' at {self.key}"
        if keys is not None:
            key += " of the source"
        elif self.query == self.key:
            key = "itself"
        return f"Head {self.name}: {query} gives {_percent(self.weight)} of its attention to {key}."


def most_telling(weights: Weights, *, cross: bool = False) -> TellingHead:
    """The head that is most worth looking at.

    It is the one whose queries look sharply and far at keys of their own choice. What most
    queries look at alike says little of any of them; and neither does a look at the query itself,
    at what is beside it, or at the first character, where heads rest that have nothing to do. Of
    cross-attention, where no key is a matter of course, it is the most aligned head.

    Args:
        weights: (L, H, T, S), each row summing to 1; T = S where not `cross`.
        cross: Whether the keys are another text.
    """
    H, T, S = weights.shape[1:]
    rows = weights.astype(np.float64)
    told = _own_choice(rows)
    if not cross:
        told *= _interest(T)
    scores = alignment_bits(weights) if cross else told.max(axis=-1).mean(axis=-1)  # (L, H)
    layer, head = divmod(int(scores.argmax()), H)
    query, key = divmod(int(told[layer, head].argmax()), S)
    if not told[layer, head].any():  # a text of one or two characters, or uniform attention
        query, key = T - 1, int(rows[layer, head, -1].argmax())
    return TellingHead(layer + 1, head + 1, query, key, float(weights[layer, head, query, key]))


def _own_choice(rows: Values) -> Values:
    """What a query gives to a key beyond the mean of all queries, 0 or more, (L, H, T, S)."""
    own: Values = np.maximum(rows - rows.mean(axis=-2, keepdims=True), 0.0)
    return own


def _interest(length: int) -> Values:
    """1 for a look into the distance, 0 at the query, its neighbours and the first, (T, T)."""
    positions = np.arange(length)
    distance = np.abs(positions - positions[:, None])
    interest: Values = 1.0 - 1.0 / np.maximum(distance, 1)
    interest[:, 0] = 0.0
    return interest


def _percent(weight: float) -> str:
    """A share that is never rounded to all of it."""
    return "more than 99%" if 0.995 <= weight < 1.0 else f"{weight:.0%}"
