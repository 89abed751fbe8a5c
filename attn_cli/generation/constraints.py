"""Which tokens may come next in a text, and when it is finished.

Shapes: V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from attn_cli.errors import InputError, PromptError
from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.regex_constraint import (
    Automaton,
    Mask,
    allowed_ids,
    compile_regex,
    unconstrained,
)
from attn_cli.text.display import counted, quoted
from attn_cli.text.tokenizer import Tokenizer

# Why a text is finished: it is as long as asked for, its document ended, a stop string came, or
# the regex is complete.
FinishReason = Literal["length", "end", "stop", "match"]


@dataclass(frozen=True)
class Constraints:
    """What holds for every text of a batch."""

    max_new_chars: int  # the most tokens that a text gets
    eos_id: int | None = None  # that ends a document, where that ends the text
    stop_sequences: tuple[tuple[int, ...], ...] = ()  # of two that end together, the first counts
    automaton: Automaton | None = None  # what a text has to match, without `eos_id`

    def allowed_mask(self, fsm_state: int, n_generated: int) -> Mask | None:
        """Which ids may come next, (V,), after `n_generated` ones; None where all may."""
        if self.automaton is None:
            return None
        mask = self.automaton.allowed(fsm_state, self.max_new_chars - n_generated)
        if self.eos_id is not None and self.automaton.may_end(fsm_state):
            mask = mask.copy()
            mask[self.eos_id] = True
        return mask

    def next_state(self, fsm_state: int, id_: int) -> int:
        """The automaton's state after one more id."""
        if self.automaton is None or id_ == self.eos_id:
            return fsm_state
        return self.automaton.next_state(fsm_state, id_)

    def check_stop(self, ids: list[int], fsm_state: int) -> FinishReason | None:
        """Why a text is finished, or None; removes from `ids` what only ended it.

        Args:
            ids: What was generated, at least one id.
            fsm_state: The automaton's, after them.
        """
        if ids[-1] == self.eos_id:
            ids.pop()
            return "end"
        for stop in self.stop_sequences:
            if tuple(ids[-len(stop) :]) == stop:
                del ids[-len(stop) :]
                return "stop"
        left = self.max_new_chars - len(ids)
        # One more than is left at the end, where nothing is allowed any more.
        if self.automaton is not None and not self.automaton.allowed(fsm_state, left or 1).any():
            return "match"
        return None if left else "length"

    def pending_stop_length(self, ids: Sequence[int]) -> int:
        """How many of the last ids may be the beginning of a stop sequence."""
        longest = max((len(stop) - 1 for stop in self.stop_sequences), default=0)
        for length in range(min(longest, len(ids)), 0, -1):
            tail = tuple(ids[-length:])
            if any(stop[:length] == tail for stop in self.stop_sequences if len(stop) > length):
                return length
        return 0


def build_constraints(
    config: GenerationConfig, tokenizer: Tokenizer, eos_id: int | None
) -> Constraints:
    """The constraints of a configuration, in ids; `eos_id` ends a document, where one can end.

    Raises:
        InputError: This vocabulary cannot satisfy them.
    """
    if config.stop_at_eos and eos_id is None:
        raise InputError(
            "`stop_at_eos`: the text that this model was trained on has no documents",
            "their separator is the form feed; `stop_strings` ends a text at any string",
        )
    if eos_id is not None and tokenizer.symbols[eos_id] in (config.forbidden_chars or ""):
        if config.stop_at_eos:
            raise InputError(
                f"`forbidden_chars` contains {quoted(tokenizer.symbols[eos_id])}, "
                "which has to end each text",
                "leave this character out",
            )
        eos_id = None
    # Where a regex may end, the model decides whether it does, by the end of a document.
    if not config.stop_at_eos and config.regex is None:
        eos_id = None
    stops = [tuple(_encode_stop(stop, tokenizer)) for stop in config.stop_strings]
    # Of two that end together, the longer began first.
    stops.sort(key=len, reverse=True)
    return Constraints(
        config.max_new_chars, eos_id, tuple(stops), _build_automaton(config, tokenizer, eos_id)
    )


def _build_automaton(
    config: GenerationConfig, tokenizer: Tokenizer, eos_id: int | None
) -> Automaton | None:
    which = (config.allowed_chars, config.forbidden_chars, config.regex)
    if which == (None, None, None):
        return None
    automaton = _automaton(*which, tokenizer, eos_id)
    if automaton.shortest > config.max_new_chars:
        raise InputError(
            f"`regex` {config.regex!r} needs at least {counted(automaton.shortest, 'character')}, "
            f"and `max_new_chars` is {config.max_new_chars:,}"
        )
    return automaton


@lru_cache(maxsize=8)  # a large regex is slow to compile
def _automaton(
    allowed: str | None,
    forbidden: str | None,
    regex: str | None,
    tokenizer: Tokenizer,
    eos_id: int | None,
) -> Automaton:
    usable = allowed_ids(tokenizer, allowed, forbidden, eos_id)
    return unconstrained(usable) if regex is None else compile_regex(regex, tokenizer, usable)


def _encode_stop(stop: str, tokenizer: Tokenizer) -> list[int]:
    try:
        ids: list[int] = tokenizer.encode(stop, unknown="error").tolist()
    except PromptError as error:
        raise PromptError(f"`stop_strings` {stop!r}: {error.message}", error.hint) from None
    return ids
