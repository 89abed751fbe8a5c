"""A regular expression, or a set of characters, as an automaton over a vocabulary's ids.

Each id leads from one state to one other, so that a text can be kept within a regex
character by character and always completed in time: a character is allowed only if the
remaining length suffices to reach an accepting state after it.

Shapes: V vocabulary.
"""

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

# Seconds after which a regex is too large; (a|b)*a(a|b){20} has a million states.
MAX_COMPILE_SECONDS = 20.0


class Automaton:
    """A finite-state machine over ids; it starts in state 0.

    Args:
        transitions: For each state, the next state of each possible id.
        accepting: The states in which a text may end.
        vocab_size: V.

    Raises:
        InputError: No text leads to an accepting state.
    """

    def __init__(
        self, transitions: Sequence[dict[int, int]], accepting: frozenset[int], vocab_size: int
    ) -> None:
        self._transitions = transitions
        self._accepting = accepting
        self._vocab_size = vocab_size
        self._steps_to_accept = _steps_to_accept(transitions, accepting)
        if 0 not in self._steps_to_accept:
            raise InputError("no text of the allowed characters matches")
        self._masks: dict[tuple[int, int], Mask] = {}
        self._max_steps = max(self._steps_to_accept.values(), default=0)

    @property
    def shortest(self) -> int:
        """The length of the shortest text, in characters."""
        return self._steps_to_accept[0]

    def may_end(self, state: int) -> bool:
        """Whether a text may end here."""
        return state in self._accepting

    def allowed(self, state: int, left: int) -> Mask:
        """The ids that may come next, (V,), if the text has to end within `left` characters."""
        left = min(left, self._max_steps + 1)
        if (state, left) not in self._masks:
            mask = np.zeros(self._vocab_size, bool)
            for id_, then in self._transitions[state].items():
                mask[id_] = self._steps_to_accept.get(then, left) < left
            self._masks[state, left] = mask
        return self._masks[state, left]

    def next_state(self, state: int, id_: int) -> int:
        """The state after an allowed id."""
        return self._transitions[state][id_]


def allowed_ids(
    tokenizer: Tokenizer, allowed: str | None, forbidden: str | None, eos_id: int | None
) -> Mask:
    """The ids that may be generated, (V,): of allowed characters that are not forbidden.

    Args:
        tokenizer: The vocabulary.
        allowed: Characters; None for all.
        forbidden: Characters; None for none.
        eos_id: The id that ends a text, and so is no part of it.

    Raises:
        PromptError: A character is outside the vocabulary.
        InputError: None is left.
    """
    mask = np.full(tokenizer.vocab_size, allowed is None)
    for name, characters, value in (
        ("`allowed_chars`", allowed, True),
        ("`forbidden_chars`", forbidden, False),
    ):
        if characters is None:
            continue
        if tokenizer.kind == "bytes" and not characters.isascii():
            raise InputError(
                f"{name} needs characters of one byte: this model's vocabulary is bytes",
                "leave out what is not ASCII",
            )
        try:
            mask[tokenizer.encode(characters, unknown="error")] = value
        except PromptError as error:
            raise PromptError(f"{name} {characters!r}: {error.message}", error.hint) from None
    if eos_id is not None:
        mask[eos_id] = False
    if not mask.any():
        raise InputError("`allowed_chars` and `forbidden_chars` leave no character to generate")
    return mask


def compile_regex(regex: str, tokenizer: Tokenizer, usable: Mask) -> Automaton:
    """The automaton of the texts that a regular expression matches as a whole.

    Args:
        regex: In Python's syntax, without anchors, back references, word boundaries,
            lookaround and possessive counts; `\\w`, `\\d` and `\\s` are those of ASCII.
        tokenizer: Of characters; those it lacks cannot be generated.
        usable: The ids that may be generated at all, (V,).

    Raises:
        InputError: It is not a regular expression, no automaton can match it, or no text of
            these characters does.
    """
    if tokenizer.kind == "bytes":
        raise InputError(
            "`regex` needs a vocabulary of characters: this model's is bytes",
            "train with data.tokenizer: corpus",
        )
    transitions, accepting = _transitions(regex, tokenizer, usable)
    try:
        automaton = Automaton(transitions, accepting, tokenizer.vocab_size)
    except InputError as error:
        raise InputError(f"`regex` {regex!r}: {error.message}", error.hint) from None
    if automaton.shortest == 0 and not automaton.allowed(0, 1).any():
        raise InputError(f"`regex` {regex!r} matches only the empty text")
    return automaton


def unconstrained(usable: Mask) -> Automaton:
    """The automaton of all texts of these ids, (V,)."""
    return Automaton(
        [dict.fromkeys(np.flatnonzero(usable).tolist(), 0)], frozenset({0}), len(usable)
    )


def _transitions(
    regex: str, tokenizer: Tokenizer, usable: Mask
) -> tuple[list[dict[int, int]], frozenset[int]]:
    """The transitions of each state, of which 0 is the initial one, and the accepting states."""
    from interegular import parse_pattern
    from interegular.fsm import FSM

    _check_supported(regex)
    built: list[FSM | Exception] = []

    def build() -> None:
        try:
            built.append(parse_pattern(regex).to_fsm())
        except Exception as error:
            built.append(error)

    # The library cannot be asked to stop; a thread of its own need not be waited for.
    thread = threading.Thread(target=build, daemon=True)
    thread.start()
    thread.join(MAX_COMPILE_SECONDS)
    if not built:
        raise InputError(
            f"`regex` {regex!r} is too large: compiling it took over {MAX_COMPILE_SECONDS:g} s",
            "use smaller counts, or fewer alternatives before a count",
        )
    machine = built[0]
    if isinstance(machine, Exception):
        raise _unsupported(regex, str(machine))
    number = {state: index for index, state in enumerate(
        [machine.initial, *(state for state in machine.states if state != machine.initial)]
    )}  # fmt: skip
    letters = {
        id_: machine.alphabet[tokenizer.symbols[id_]] for id_ in np.flatnonzero(usable).tolist()
    }
    transitions: list[dict[int, int]] = [{} for _ in number]
    for state, arrows in machine.map.items():
        transitions[number[state]] = {
            id_: number[arrows[letter]] for id_, letter in letters.items() if letter in arrows
        }
    return transitions, frozenset(number[state] for state in machine.finals)


def _check_supported(regex: str) -> None:
    """Refuses what is not a regular expression, and what the library would misread silently.

    Raises:
        InputError: It is one of these.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(regex)  # its error says what is wrong, and where
    except (re.error, OverflowError, RecursionError) as error:
        raise InputError(f"`regex` {regex!r}: {error}") from None
    escapes_and_sets = re.compile(r"\\.|(\[\^?\])|\[(?:\\.|[^\]\\])*\]", re.DOTALL)
    if any(match[1] for match in escapes_and_sets.finditer(regex)):
        raise InputError(f"`regex` {regex!r}: ] at the beginning of a set", "write it as \\] there")
    bare = escapes_and_sets.sub("x", regex)
    if re.search(r"\{(?!\d+(?:,\d*)?\}|,\d+\})", bare):
        raise InputError(f"`regex` {regex!r}: a {{ that is not a count", "write it as \\{")
    if odd := re.search(r"\(\?(?:[=!>#]|<[=!])|[*+?}]\+", bare):
        raise _unsupported(regex, odd[0])


def _unsupported(regex: str, what: str) -> InputError:
    return InputError(
        f"`regex` {regex!r} has something that is not supported" + (f": {what}" if what else ""),
        "leave out anchors (the whole text has to match anyway), \\b, lookaround, back references",
    )


def _steps_to_accept(
    transitions: Sequence[dict[int, int]], accepting: frozenset[int]
) -> dict[int, int]:
    """The fewest characters from each state to an accepting one; dead states have no entry."""
    before: list[set[int]] = [set() for _ in transitions]
    for state, arrows in enumerate(transitions):
        for then in set(arrows.values()):
            before[then].add(state)
    steps = dict.fromkeys(accepting, 0)
    queue = deque(accepting)
    while queue:
        then = queue.popleft()
        for state in before[then]:
            if state not in steps:
                steps[state] = steps[then] + 1
                queue.append(state)
    return steps
