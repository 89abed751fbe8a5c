"""Repeated passages, against texts of which it is known what stands where."""

from __future__ import annotations

import random
import string

import numpy as np
import pytest

from attn_cli.text.repeats import MIN_PASSAGE, WINDOW, Passage, find_repeats


def noise(chars: int, seed: int) -> str:
    return "".join(random.Random(seed).choices(string.ascii_letters, k=chars))


def codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le"), "<u4")


def test_copies_are_counted_where_they_stand() -> None:
    passage = noise(500, 0)
    text = noise(300, 1) + passage + noise(70, 2) + passage + noise(130, 3) + passage
    found = find_repeats(codes(text), n_train=len(text))
    assert found.fraction == pytest.approx(1000 / 2000)
    assert found.passages == (Passage(500, 3, (300, 870, 1500), pytest.approx(1000 / 2000)),)


def test_copies_with_small_differences_are_one_passage() -> None:
    passage = noise(900, 0)
    versions = [passage[:n] + "#" + passage[n:] for n in (90, 790, 840)]
    text = "".join(noise(100, seed) + version for seed, version in enumerate(versions, start=1))
    (found,) = find_repeats(codes(text), len(text)).passages[:1]
    assert found.copies == 3
    assert found.chars > 600


@pytest.mark.parametrize(("chars", "seen"), [(WINDOW - 1, False), (WINDOW, True)])
def test_a_window_is_the_least_that_counts(chars: int, seen: bool) -> None:
    passage = noise(chars, 0)
    text = noise(300, 1) + passage + noise(300, 2) + passage + noise(300, 3)
    found = find_repeats(codes(text), len(text))
    assert found.fraction == (pytest.approx(chars / len(text)) if seen else 0)
    assert chars < MIN_PASSAGE
    assert not found.passages


def test_of_the_validation_split_what_was_trained_on_counts() -> None:
    passage = noise(400, 0)
    text = passage + noise(400, 1) + noise(100, 2) + passage
    found = find_repeats(codes(text), n_train=800)
    assert found.validation_fraction == pytest.approx(400 / 500)
    assert find_repeats(codes(text), n_train=300).validation_fraction == pytest.approx(300 / 1000)


@pytest.mark.parametrize("text", ["", "a", "a" * 50])
def test_a_short_text_repeats_nothing(text: str) -> None:
    assert find_repeats(codes(text), len(text)).fraction == 0
