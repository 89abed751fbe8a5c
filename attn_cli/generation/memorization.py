"""How much of a generated text stands word for word in the text that the model learned from.

The generated texts become a suffix automaton, the smallest machine that knows all
their substrings (Blumer et al., 1985, "The smallest automaton recognizing the subwords
of a text"). The training text is then read once, whatever the number of texts; so the
time is linear in both, and no text is a bad case.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attn_cli.text.corpus import Corpus

MAX_HELD_OUT = 100_000  # characters of held-out text that are read, in about a second


@dataclass(frozen=True)
class LongestMatch:
    """A run of characters that a generated text has in common with the training text."""

    length: int  # characters; 0 where not even one is in common
    start: int  # where it begins in the generated text, counted from 0
    source: int  # where it begins in the training text the first time, counted from 0
    text: str


@dataclass(frozen=True)
class HeldOutMatches:
    """What a text that was not trained on has in common with the training text: chance's share."""

    longest: int  # characters of its longest match
    typical: float  # the median of the longest matches of stretches, or of texts
    stretch: int | None  # characters of a stretch; None where whole texts were taken
    chars: int  # how many characters were read


@dataclass(frozen=True)
class Overlap:
    """What several texts have in common with the training text."""

    matches: list[LongestMatch]  # the longest of each text, the first of several
    held_out: HeldOutMatches | None  # of held-out text, if there was any


def find_overlap(texts: Sequence[str], held_out: Sequence[str], training: str) -> Overlap:
    """The longest matches of `texts`, and what held-out texts have, to compare them with.

    Args:
        texts: What a model generated.
        held_out: One text that it was not trained on, which is cut into stretches as long as
            `texts` are; or several short ones. About a second for each 100,000 characters.
        training: What it was trained on; read once.
    """
    lengths = _match_lengths([*texts, *held_out], training)
    matches = []
    for text, ending in zip(texts, lengths, strict=False):
        length = max(ending, default=0)
        start = ending.index(length) + 1 - length if length else 0
        match = text[start : start + length]
        matches.append(LongestMatch(length, start, training.find(match), match))
    stretch = None
    if len(held_out) == 1:
        stretch = round(statistics.median(map(len, texts)))
    return Overlap(matches, _held_out_matches(lengths[len(texts) :], stretch))


def overlap_with(texts: Sequence[str], corpus: Corpus) -> Overlap:
    """What texts have in common with the training split, and what the validation split has."""
    from attn_cli.text.examples import Examples, joined, subset  # which need NumPy

    decode = corpus.tokenizer.decode
    held_out = [decode(joined(subset(corpus.validation, MAX_HELD_OUT)))]
    if isinstance(corpus.validation, Examples):
        held_out = held_out[0].strip("\n").split("\n")
    return find_overlap(texts, held_out, decode(corpus.train_ids))


def _held_out_matches(lengths: list[list[int]], stretch: int | None) -> HeldOutMatches | None:
    """What held-out texts have in common with the training text; None where there are none.

    Args:
        lengths: Of each character of each text, the length of the longest match that ends there.
        stretch: How many characters to take at a time; None for whole texts.
    """
    chars = sum(map(len, lengths))
    if not chars:
        return None
    longest = max(map(max, filter(None, lengths)))
    if stretch is not None:
        stretch = min(max(1, stretch), chars)
        starts = range(0, chars - stretch + 1, stretch)
        lengths = [lengths[0][start : start + stretch] for start in starts]
    # A match that ends in a stretch may begin before it.
    longest_of_each = [
        max((min(length, place) for place, length in enumerate(ending, start=1)), default=0)
        for ending in lengths
    ]
    return HeldOutMatches(longest, statistics.median(longest_of_each), stretch, chars)


def _match_lengths(texts: Sequence[str], training: str) -> list[list[int]]:
    """Of each character of each text, the length of the longest match that ends with it."""
    automaton = _SuffixAutomaton()
    ends = []  # of each text: the state after each of its characters
    for number, text in enumerate(texts):
        ends.append([automaton.append(character) for character in text])
        automaton.append(number)  # is in no text, so that no match crosses into the next one
    matched = automaton.matched(training)
    return [[matched[state] for state in states] for states in ends]


class _SuffixAutomaton:
    """All substrings of a sequence that grows; a state is a set of those that end together.

    State 0 is the empty string. Of state i, `following[i]` leads on by a symbol,
    `longest[i]` is the length of its longest string, and `shorter[i]` is the state of
    that string's longest suffix that is not in state i; -1 of state 0.
    """

    def __init__(self) -> None:
        self.following: list[dict[str | int, int]] = [{}]
        self.longest = [0]
        self.shorter = [-1]
        self._last = 0

    def append(self, symbol: str | int) -> int:
        """Makes the sequence longer by one; returns the state of the whole sequence."""
        following, longest, shorter = self.following, self.longest, self.shorter
        state, new = self._last, len(longest)
        following.append({})
        longest.append(longest[state] + 1)
        shorter.append(0)
        while state >= 0 and symbol not in following[state]:
            following[state][symbol] = new
            state = shorter[state]
        if state >= 0:
            known = following[state][symbol]
            if longest[known] > longest[state] + 1:
                known = self._split(known, symbol, state)
            shorter[new] = known
        self._last = new
        return new

    def _split(self, state: int, symbol: str | int, before: int) -> int:
        """Takes the shorter strings out of a state, from that of `before` and `symbol` on."""
        following, longest, shorter = self.following, self.longest, self.shorter
        part = len(longest)
        following.append(following[state].copy())
        longest.append(longest[before] + 1)
        shorter.append(shorter[state])
        shorter[state] = part
        while before >= 0 and following[before].get(symbol) == state:
            following[before][symbol] = part
            before = shorter[before]
        return part

    def matched(self, text: str) -> list[int]:
        """Of each state, the length of its strings' longest suffix that is in `text`."""
        following, longest, shorter = self.following, self.longest, self.shorter
        matched = [0] * len(longest)
        state = length = 0
        for character in text:
            while character not in following[state]:
                state = shorter[state]
                if state < 0:
                    state = length = 0
                    break
                length = longest[state]
            else:
                state = following[state][character]
                length += 1
                if length > matched[state]:
                    matched[state] = length
        by_length = sorted(range(1, len(longest)), key=longest.__getitem__)
        # What a string has in the text, its suffixes have too, whole.
        for state in reversed(by_length):
            if matched[state]:
                matched[shorter[state]] = longest[shorter[state]]
        for state in by_length:
            matched[state] = matched[state] or matched[shorter[state]]
        return matched
