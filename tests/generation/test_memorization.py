"""The longest copy from the training text, against trying every substring."""

import statistics
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.generation.memorization import (
    HeldOutMatches,
    LongestMatch,
    find_overlap,
)

# Few characters, so that long copies, and several of the same length, are common.
short_text = st.text("ab\né", max_size=24)


def longest_matches(texts: list[str], training: str) -> list[LongestMatch]:
    return find_overlap(texts, (), training).matches


def by_trying(text: str, training: str) -> LongestMatch:
    """The definition: of all substrings that are in the training text, the longest, then first."""
    length, start = max(
        (
            (end - start, -start)
            for start in range(len(text))
            for end in range(start + 1, len(text) + 1)
            if text[start:end] in training
        ),
        default=(0, 0),
    )
    match = text[-start : -start + length]
    return LongestMatch(length, -start, training.find(match), match)


@given(st.lists(short_text, max_size=5), st.text("abc\né", max_size=60))
def test_it_is_the_longest_and_the_first(texts: list[str], training: str) -> None:
    assert longest_matches(texts, training) == [by_trying(text, training) for text in texts]


def test_a_match_has_both_its_positions() -> None:
    (match,) = longest_matches(
        ["An old owl met the cat."], "The owl met the fox. The owl met the crow."
    )
    assert match == LongestMatch(length=14, start=6, source=24, text=" owl met the c")


def test_a_match_does_not_cross_from_one_text_into_the_next() -> None:
    lengths = [match.length for match in longest_matches(["the fo", "x met"], "the fox met")]
    assert lengths == [6, 5]


@given(short_text, st.integers(1, 9), st.text("abc\né", max_size=60))
def test_held_out_text_is_taken_in_stretches_as_long_as_a_sample(
    held_out: str, size: int, training: str
) -> None:
    found = find_overlap(["x" * size], [held_out], training).held_out
    if not held_out:
        assert found is None
        return
    size = min(size, len(held_out))
    starts = range(0, len(held_out) - size + 1, size)
    stretches = [by_trying(held_out[start : start + size], training).length for start in starts]
    whole = by_trying(held_out, training).length
    assert found == HeldOutMatches(whole, statistics.median(stretches), size, len(held_out))


def test_held_out_lines_are_taken_one_by_one() -> None:
    overlap = find_overlap(["ann"], ["anna", "bob", "joe"], "annabel\nbobby\nxyz")
    assert overlap.matches == longest_matches(["ann"], "annabel\nbobby\nxyz")
    assert overlap.held_out == HeldOutMatches(longest=4, typical=3, stretch=None, chars=10)


@pytest.mark.parametrize(("text", "training"), [("", ""), ("", "abc"), ("abc", ""), ("abc", "xyz")])
def test_nothing_in_common(text: str, training: str) -> None:
    assert longest_matches([text], training) == [LongestMatch(0, 0, 0, "")]


@pytest.mark.parametrize(
    ("text", "training", "expected"),
    [
        ("a" * 10_000, "a" * 300_000, (10_000, 0, 0)),
        ("a" * 10_000, ("a" * 5_000 + "b") * 60, (5_000, 0, 0)),
        ("ab" * 5_000, "b" + "ab" * 150_000, (10_000, 0, 1)),
        ("z" * 10_000, "a" * 300_000, (0, 0, 0)),
    ],
    ids=["one character", "one character in runs", "two characters", "nothing"],
)
def test_no_text_is_a_bad_case(text: str, training: str, expected: tuple[int, int, int]) -> None:
    """Linear time takes a tenth of a second each; comparing at every position takes minutes."""
    (match,) = longest_matches([text], training)
    assert (match.length, match.start, match.source) == expected


def test_it_needs_no_torch() -> None:
    program = (
        "import sys, attn_cli.generation.memorization\n"
        "print([m for m in ('torch', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
