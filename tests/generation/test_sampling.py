"""Each sampling filter against its definition."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.errors import InputError, OperationError
from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.sampling import (
    SeededStreams,
    apply_repetition_penalty,
    check_finite,
    log_probabilities,
    probabilities,
    sample_ids,
)

LOGITS = np.array([2.0, 1.0, 0.5, -1.0, -3.0], dtype=np.float32)


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(np.asarray(scores, dtype=np.float64))
    return powers / powers.sum()


PLAIN = softmax(LOGITS)  # 0.61, 0.22, 0.14, 0.03, 0.004


def kept_alone(*kept: int) -> np.ndarray:
    """The plain probabilities of these alone, normalised."""
    probs = np.zeros(5)
    probs[list(kept)] = PLAIN[list(kept)]
    return probs / probs.sum()


def test_temperature_divides_the_scores() -> None:
    np.testing.assert_allclose(
        probabilities(LOGITS, GenerationConfig(temperature=0.7)), softmax(LOGITS / 0.7)
    )


def test_temperature_zero_is_greedy() -> None:
    assert probabilities(LOGITS, GenerationConfig(temperature=0.0)).tolist() == [1, 0, 0, 0, 0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("temperature", [5e-324, 1e-308, 1e-30, 1e-6, 1e6])
def test_extreme_temperatures_stay_finite(temperature: float) -> None:
    probs = probabilities(LOGITS, GenerationConfig(temperature=temperature))
    assert probs.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("k", [1, 2, 5, 99])
def test_top_k_keeps_the_k_likeliest(k: int) -> None:
    np.testing.assert_allclose(
        probabilities(LOGITS, GenerationConfig(top_k=k)), kept_alone(*range(min(k, 5)))
    )


@pytest.mark.parametrize(("share", "kept"), [(0.1, 1), (0.7, 2), (0.9, 3), (0.99, 4), (1.0, 5)])
def test_top_p_keeps_the_fewest_that_reach_the_share(share: float, kept: int) -> None:
    np.testing.assert_allclose(
        probabilities(LOGITS, GenerationConfig(top_p=share)), kept_alone(*range(kept))
    )


@pytest.mark.parametrize(("share", "kept"), [(1.0, 1), (0.3, 2), (0.2, 3), (0.04, 4), (1e-9, 5)])
def test_min_p_keeps_what_has_that_share_of_the_likeliest(share: float, kept: int) -> None:
    np.testing.assert_allclose(
        probabilities(LOGITS, GenerationConfig(min_p=share)), kept_alone(*range(kept))
    )


def test_typical_p_begins_with_the_most_average_surprise() -> None:
    """Surprises: 0.50, 1.50, 2.00, 3.50, 5.50 nats; their mean, the entropy, 1.02."""
    entropy = -(PLAIN * np.log(PLAIN)).sum()
    nearest = np.abs(-np.log(PLAIN) - entropy).argsort()
    assert nearest.tolist() == [1, 0, 2, 3, 4]
    for share, kept in ((0.1, (1,)), (0.5, (1, 0)), (0.9, (1, 0, 2))):
        np.testing.assert_allclose(
            probabilities(LOGITS, GenerationConfig(typical_p=share)), kept_alone(*kept)
        )


def test_the_penalty_lowers_what_was_written_lately_once_each() -> None:
    logits = np.stack([LOGITS, LOGITS])
    scores = apply_repetition_penalty(logits, [[0, 3, 0], []], 2.0)
    assert scores[0].tolist() == [1.0, 1.0, 0.5, -2.0, -3.0]
    assert scores[1].tolist() == LOGITS.tolist()
    assert logits[0].tolist() == LOGITS.tolist()


def test_impossible_characters_stay_impossible() -> None:
    logits = LOGITS.copy()
    logits[0] = -np.inf
    filters: list[dict[str, Any]] = [
        {}, {"temperature": 0.0}, {"temperature": 0.3}, {"top_k": 5}, {"top_p": 0.99},
        {"min_p": 0.001}, {"typical_p": 0.99},
    ]  # fmt: skip
    for each in filters:
        probs = probabilities(logits, GenerationConfig(**each))
        assert probs[0] == 0
        assert probs.sum() == pytest.approx(1.0)


@given(
    st.lists(st.floats(-50, 50), min_size=1, max_size=30),
    st.floats(0.05, 5),
    st.integers(1, 40),
    st.floats(0.01, 1),
    st.floats(0.01, 1),
    st.floats(0.01, 1),
)
def test_odds_are_odds(
    scores: list[float], temperature: float, k: int, p: float, least: float, typical: float
) -> None:
    logits = np.array([scores, scores[::-1]])
    config = GenerationConfig(
        temperature=temperature, top_k=k, top_p=p, min_p=least, typical_p=typical
    )
    probs = probabilities(logits, config)
    np.testing.assert_allclose(probs.sum(axis=-1), 1.0)
    assert (probs >= 0).all()
    assert ((probs > 0).sum(axis=-1) <= k).all()
    # A row's probabilities do not depend on the rows beside it.
    np.testing.assert_array_equal(probs[:1], probabilities(logits[:1], config))


def test_choices_follow_the_odds() -> None:
    probs = probabilities(LOGITS[None], GenerationConfig(top_k=3))
    random = SeededStreams([0])
    chosen = [int(sample_ids(probs, random.uniform())[0]) for _ in range(4000)]
    # Four standard deviations of a share at 4,000 draws are at most 0.032.
    shares = np.bincount(chosen, minlength=5) / 4000
    np.testing.assert_allclose(shares, probs[0], atol=0.032)


@pytest.mark.parametrize("number", [0.0, 0.5, np.nextafter(1.0, 0.0)])
def test_only_possible_characters_are_chosen(number: float) -> None:
    probs = np.array([[0.0, 0.3, 0.0, 0.7, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0]]) * 0.9999999
    first, second = sample_ids(probs, np.full(2, number)).tolist()
    assert probs[0, first] > 0
    assert second == 2


def test_a_stream_depends_on_its_seed_alone() -> None:
    alone, among = SeededStreams([5]), SeededStreams([4, 5, 6])
    for step in range(600):
        if step == 300:
            among.select([1, 2])
        row = 1 if step < 300 else 0
        assert alone.uniform()[0] == among.uniform()[row]


def test_log_probabilities() -> None:
    np.testing.assert_allclose(log_probabilities(LOGITS), np.log(PLAIN))


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_are_refused(broken: float) -> None:
    with pytest.raises(OperationError, match="not finite"):
        check_finite(np.array([1.0, broken]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 1.01},
        {"top_p": float("nan")},
        {"min_p": 0.0},
        {"typical_p": 1.5},
        {"repetition_penalty": 1e-4},
        {"repetition_penalty": 1e39},
        {"repetition_penalty": float("nan")},
        {"repetition_window": 0},
    ],
)
def test_out_of_range_is_an_input_error(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        GenerationConfig(**wrong)  # type: ignore[arg-type]
