"""The n-gram baseline is a probability distribution, and the one that its formula gives."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from attn_cli.text.ngram import ngram_bits
from tests.conftest import VERSE

V = 7


def reference(train: list[int], before: list[int], order: int) -> list[float]:
    """Kneser-Ney probabilities of what follows `before`, written as the formula is."""
    probs = [1 / V] * V
    for n in range(1, order + 1):
        grams = [tuple(train[i : i + n]) for i in range(len(train) - n + 1)]
        if n < order:
            longer = {tuple(train[i : i + n + 1]) for i in range(len(train) - n)}
            counts = Counter(gram[1:] for gram in longer)
        else:
            counts = Counter(grams)
        ones, twos = (sum(c == k for c in counts.values()) for k in (1, 2))
        discount = ones / (ones + 2 * twos) if ones else 0.5
        context = tuple(before[len(before) - n + 1 :])
        after = [counts[(*context, char)] for char in range(V)]
        if sum(after):
            seen = sum(count > 0 for count in after)
            probs = [
                (max(count - discount, 0) + discount * seen * prob) / sum(after)
                for count, prob in zip(after, probs, strict=True)
            ]
    return probs


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_it_is_the_distribution_that_the_formula_gives(order: int) -> None:
    random = np.random.default_rng(5)
    train = random.choice(V - 1, 211, p=[0.4, 0.3, 0.15, 0.1, 0.03, 0.02]).tolist()
    for _ in range(13):
        before = random.integers(V, size=6).tolist()
        texts = [np.array([*before, char]) for char in range(V)]
        bits = [ngram_bits(np.array(train), text, V, order)[-1] for text in texts]
        probs = np.exp2(-np.array(bits))
        assert probs.sum() == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(probs, reference(train, before, order), rtol=1e-12)


def test_the_first_characters_follow_the_training_text() -> None:
    train = np.array([0, 1, 2] * 30)
    follows, breaks = (ngram_bits(train, np.array([first]), V, 3)[0] for first in (0, 2))
    assert follows < 0.1 < 5 < breaks


@pytest.mark.parametrize("train", ["a", "ab", "aaaa", "acgt" * 500])
def test_texts_without_rare_characters_leave_room_for_new_ones(train: str) -> None:
    ids, text = np.frombuffer(train.encode(), np.uint8), np.frombuffer(b"zag", np.uint8)
    bits = ngram_bits(ids, text, 256, 5)
    assert np.isfinite(bits).all()
    assert bits.min() >= 0


def test_longer_contexts_help_on_prose() -> None:
    ids = np.frombuffer((VERSE * 9).encode(), np.uint8)
    one, three = (ngram_bits(ids[:-80], ids[-80:], 256, order).mean() for order in (1, 3))
    assert three < one / 2
