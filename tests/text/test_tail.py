"""The end of a text is compared with the rest of it."""

from __future__ import annotations

import numpy as np
import pytest

from attn_cli.text import tail
from attn_cli.text.tail import TailComparison, compare_tail

V = 20


def markov(length: int, seed: int, low: int = 0, high: int = V) -> np.ndarray:
    """Ids of a range, each near the one before."""
    random = np.random.default_rng(seed)
    steps = random.choice([0, 1, 2], length, p=[0.5, 0.4, 0.1])
    return low + np.cumsum(steps) % (high - low)


def test_an_end_like_the_rest() -> None:
    found = compare_tail(markov(20_000, 1), 18_000, V)
    assert found is not None
    assert found.tail_bits == pytest.approx(found.spread_bits, abs=0.05)
    assert found.spread_bits == pytest.approx(1.36, abs=0.05)  # the entropy of a step
    assert not found.is_unlike


@pytest.mark.parametrize("end", [markov(2000, 2, 15), np.zeros(2000, np.int64)])
def test_an_end_that_is_harder_or_easier(end: np.ndarray) -> None:
    ids = np.concatenate([markov(18_000, 1, 0, 14), end])
    found = compare_tail(ids, 18_000, V)
    assert found is not None
    assert found.is_unlike


def test_a_difference_within_chance_is_none() -> None:
    assert TailComparison(3.0, 2.0, 0.1).is_unlike
    assert not TailComparison(3.0, 2.0, 0.5).is_unlike
    assert not TailComparison(2.1, 2.0, 0.001).is_unlike


def test_of_a_long_text_a_part_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = markov(50_000, 1)
    whole = compare_tail(ids, 45_000, V)
    monkeypatch.setattr(tail, "_MAX_READ", 20_000)
    part = compare_tail(ids, 45_000, V)
    assert whole is not None
    assert part is not None
    assert part != whole
    assert part.tail_bits == pytest.approx(whole.tail_bits, abs=0.1)


def test_a_short_text_says_nothing() -> None:
    assert compare_tail(markov(1000, 1), 900, V) is None
    assert compare_tail(markov(20_000, 1), 19_990, V) is None
