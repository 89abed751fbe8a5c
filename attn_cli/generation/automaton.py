"""Which characters may come next, exactly: what a pattern or a set of characters leaves.

A regular expression is a finite automaton, and its alphabet is the model's own: each
character goes from one state to one other. So a text can be kept within a pattern character
by character, and always brought to its end in time: a step is allowed only if what is left
of the length suffices to finish.

Shapes: V vocabulary.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attn_cli.errors import InputError, PromptError
from attn_cli.text.tokenizer import Tokenizer

Mask = NDArray[np.bool_]

# Seconds after which a pattern is too large; (a|b)*a(a|b){20} has a million states.
LONGEST_BUILD = 20.0


class Automaton:
    """States, and which character leads from one to which other; it begins in state 0.

    Args:
        moves: For each state, the next state of each possible id.
        finals: The states in which a text may end.
        vocab_size: V.

    Raises:
        InputError: No text leads to an end.
    """

    def __init__(
        self, moves: Sequence[dict[int, int]], finals: frozenset[int], vocab_size: int
    ) -> None:
        self._moves = moves
        self._finals = finals
        self._vocab_size = vocab_size
        self._missing = _steps_to_a_final(moves, finals)
        if 0 not in self._missing:
            raise InputError("no text of the characters that may be written matches the pattern")
        self._masks: dict[tuple[int, int], Mask] = {}
        self._farthest = max(self._missing.values(), default=0)

    @property
    def shortest(self) -> int:
        """Characters of the shortest text."""
        return self._missing[0]

    def may_end(self, state: int) -> bool:
        """Whether a text may end here."""
        return state in self._finals

    def allowed(self, state: int, left: int) -> Mask:
        """What may come next, (V,), if the text is to end within `left` characters."""
        left = min(left, self._farthest + 1)
        if (state, left) not in self._masks:
            mask = np.zeros(self._vocab_size, bool)
            for id_, then in self._moves[state].items():
                mask[id_] = self._missing.get(then, left) < left
            self._masks[state, left] = mask
        return self._masks[state, left]

    def after(self, state: int, id_: int) -> int:
        """The state that an allowed character leads to."""
        return self._moves[state][id_]


def usable_ids(
    tokenizer: Tokenizer, allow: str | None, forbid: str | None, end: int | None
) -> Mask:
    """Which ids may be written, (V,): those of `allow`, where given, but none of `forbid`.

    Args:
        tokenizer: The vocabulary.
        allow: Characters; None for all.
        forbid: Characters.
        end: The id that ends a text, and so is no part of it.

    Raises:
        PromptError: A character is outside the vocabulary.
        InputError: None is left.
    """
    mask = np.full(tokenizer.vocab_size, allow is None)
    for option, characters, value in (("--allow", allow, True), ("--forbid", forbid, False)):
        if characters is None:
            continue
        if tokenizer.kind == "bytes" and not characters.isascii():
            raise InputError(
                f"{option} needs characters of one byte, and this model's are bytes",
                "leave out what is not ASCII",
            )
        try:
            mask[tokenizer.encode(characters, unknown="error")] = value
        except PromptError as error:
            raise PromptError(f"{option} {characters!r}: {error.message}", error.hint) from None
    if end is not None:
        mask[end] = False
    if not mask.any():
        raise InputError("--allow and --forbid leave no character to write")
    return mask


def pattern(expression: str, tokenizer: Tokenizer, usable: Mask) -> Automaton:
    """The texts that a regular expression matches as a whole.

    Args:
        expression: In Python's syntax, without anchors, back references, word boundaries,
            lookaround and possessive counts; `\\w`, `\\d` and `\\s` are those of ASCII.
        tokenizer: Of characters; those it lacks cannot be written.
        usable: The ids that may be written at all, (V,).

    Raises:
        InputError: It is no expression, one that no automaton can match, or one that no text
            of these characters matches.
    """
    if tokenizer.kind == "bytes":
        raise InputError(
            "--regex needs a model of characters, and this one's are bytes",
            "train with data.tokenizer: corpus",
        )
    moves, finals = _built(expression, tokenizer, usable)
    try:
        automaton = Automaton(moves, finals, tokenizer.vocab_size)
    except InputError as error:
        raise InputError(f"--regex {expression!r}: {error.message}", error.hint) from None
    if automaton.shortest == 0 and not automaton.allowed(0, 1).any():
        raise InputError(f"--regex {expression!r} matches nothing but the empty text")
    return automaton


def anything(usable: Mask) -> Automaton:
    """Every text of these ids, (V,)."""
    return Automaton(
        [dict.fromkeys(np.flatnonzero(usable).tolist(), 0)], frozenset({0}), len(usable)
    )


def _built(
    expression: str, tokenizer: Tokenizer, usable: Mask
) -> tuple[list[dict[int, int]], frozenset[int]]:
    """The states of an expression's automaton; state 0 is the first."""
    from interegular import parse_pattern
    from interegular.fsm import FSM

    _require_plain(expression)
    built: list[FSM | Exception] = []

    def build() -> None:
        try:
            built.append(parse_pattern(expression).to_fsm())
        except Exception as error:
            built.append(error)

    # The library cannot be asked to stop; a thread of its own need not be waited for.
    thread = threading.Thread(target=build, daemon=True)
    thread.start()
    thread.join(LONGEST_BUILD)
    if not built:
        raise InputError(
            f"--regex {expression!r} is too large: it took over {LONGEST_BUILD:g} s to build",
            "use smaller counts, or fewer alternatives before a count",
        )
    machine = built[0]
    if isinstance(machine, Exception):
        raise _unsupported(expression, str(machine))
    number = {state: index for index, state in enumerate(
        [machine.initial, *(state for state in machine.states if state != machine.initial)]
    )}  # fmt: skip
    letters = {
        id_: machine.alphabet[tokenizer.symbols[id_]] for id_ in np.flatnonzero(usable).tolist()
    }
    moves: list[dict[int, int]] = [{} for _ in number]
    for state, arrows in machine.map.items():
        moves[number[state]] = {
            id_: number[arrows[letter]] for id_, letter in letters.items() if letter in arrows
        }
    return moves, frozenset(number[state] for state in machine.finals)


def _require_plain(expression: str) -> None:
    """Refuses what is no expression, and what the library would silently read otherwise.

    Raises:
        InputError: It has something of that.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(expression)  # it says what is wrong, and where
    except (re.error, OverflowError, RecursionError) as error:
        raise InputError(f"--regex {expression!r}: {error}") from None
    escapes_and_sets = re.compile(r"\\.|(\[\^?\])|\[(?:\\.|[^\]\\])*\]", re.DOTALL)
    if any(match[1] for match in escapes_and_sets.finditer(expression)):
        raise InputError(f"--regex {expression!r}: ] begins a set", "write it as \\] there")
    bare = escapes_and_sets.sub("x", expression)
    if re.search(r"\{(?!\d+(?:,\d*)?\}|,\d+\})", bare):
        raise InputError(f"--regex {expression!r}: a {{ that counts nothing", "write it as \\{")
    if odd := re.search(r"\(\?(?:[=!>#]|<[=!])|[*+?}]\+", bare):
        raise _unsupported(expression, odd[0])


def _unsupported(expression: str, what: str) -> InputError:
    return InputError(
        f"--regex {expression!r} has what is not supported here" + (f": {what}" if what else ""),
        "leave out anchors (the whole text has to match anyway), \\b, lookaround, back references",
    )


def _steps_to_a_final(moves: Sequence[dict[int, int]], finals: frozenset[int]) -> dict[int, int]:
    """The fewest characters from each state to one where a text may end; dead states lack one."""
    before: list[set[int]] = [set() for _ in moves]
    for state, arrows in enumerate(moves):
        for then in set(arrows.values()):
            before[then].add(state)
    steps = dict.fromkeys(finals, 0)
    queue = deque(finals)
    while queue:
        then = queue.popleft()
        for state in before[then]:
            if state not in steps:
                steps[state] = steps[then] + 1
                queue.append(state)
    return steps
