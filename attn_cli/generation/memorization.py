"""How much of a generated text stands word for word in the text that the model learned from.

The generated texts become a suffix automaton, the smallest machine that knows all
their substrings (Blumer et al., 1985, "The smallest automaton recognizing the subwords
of a text"). The training text is then read once, whatever the number of texts; so the
time is linear in both, and no text is a bad case.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LongestMatch:
    """A run of characters that a generated text has in common with the training text."""

    length: int  # characters; 0 where not even one is in common
    start: int  # where it begins in the generated text, counted from 0
    source: int  # where it begins in the training text the first time, counted from 0
    text: str


def longest_matches(texts: Sequence[str], training: str) -> list[LongestMatch]:
    """The longest match of each of `texts`, the first of several; `training` is read once.

    A few tenths of a second for each million characters of `training`.
    """
    automaton = _SuffixAutomaton()
    ends = []  # of each text: the state after each of its characters
    for number, text in enumerate(texts):
        ends.append([automaton.append(character) for character in text])
        automaton.append(number)  # is in no text, so that no match crosses into the next one
    matched = automaton.matched(training)
    matches = []
    for text, states in zip(texts, ends, strict=True):
        lengths = [matched[state] for state in states]  # of the match that ends at each character
        length = max(lengths, default=0)
        start = lengths.index(length) + 1 - length if length else 0
        match = text[start : start + length]
        matches.append(LongestMatch(length, start, training.find(match), match))
    return matches


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
