"""What may come next in a text, and when it is over.

Shapes: V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from attn_cli.generation.automaton import Automaton, Mask

FinishReason = Literal["length", "end", "stop", "match"]


@dataclass(frozen=True)
class Rules:
    """What holds for each of several texts.

    Attributes:
        max_new: The most ids that it gets.
        document: The id that ends a document, where that ends the text too.
        stops: Runs of ids, each of which ends the text; of two that end together the first.
        automaton: What the text has to match, from its state 0 on; without `document`.
    """

    max_new: int
    document: int | None = None
    stops: tuple[tuple[int, ...], ...] = ()
    automaton: Automaton | None = None

    def allowed(self, state: int, written: int) -> Mask | None:
        """Which ids may come next, (V,), after `written` ones; None where all may."""
        if self.automaton is None:
            return None
        mask = self.automaton.allowed(state, self.max_new - written)
        if self.document is not None and self.automaton.may_end(state):
            mask = mask.copy()
            mask[self.document] = True
        return mask

    def after(self, state: int, id_: int) -> int:
        """The automaton's state after one more id."""
        if self.automaton is None or id_ == self.document:
            return state
        return self.automaton.after(state, id_)

    def finish(self, ids: list[int], state: int) -> FinishReason | None:
        """Whether a text is over, and why; what only ended it is taken off.

        Args:
            ids: What was written, with at least one id.
            state: The automaton's, after them.
        """
        if ids[-1] == self.document:
            ids.pop()
            return "end"
        for stop in self.stops:
            if tuple(ids[-len(stop) :]) == stop:
                del ids[-len(stop) :]
                return "stop"
        left = self.max_new - len(ids)
        # One more than is left at the end, where nothing is allowed any more.
        if self.automaton is not None and not self.automaton.allowed(state, left or 1).any():
            return "match"
        return None if left else "length"

    def held(self, ids: Sequence[int]) -> int:
        """How many of the last ids may be the beginning of a stop."""
        longest = max((len(stop) - 1 for stop in self.stops), default=0)
        for length in range(min(longest, len(ids)), 0, -1):
            tail = tuple(ids[-length:])
            if any(stop[:length] == tail for stop in self.stops if len(stop) > length):
                return length
        return 0
