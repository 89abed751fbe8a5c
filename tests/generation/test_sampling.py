"""The odds after temperature, top-k and top-p, against their definitions."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.errors import InputError
from attn_cli.generation.sampling import Controls, choose, probabilities

LOGITS = torch.tensor([2.0, 1.0, 0.5, -1.0, -3.0])


def test_temperature_divides_the_scores() -> None:
    expected = torch.softmax(LOGITS / 0.7, dim=-1)
    torch.testing.assert_close(probabilities(LOGITS, Controls(0.7)), expected)


def test_temperature_zero_is_greedy() -> None:
    assert probabilities(LOGITS, Controls(0.0)).tolist() == [1, 0, 0, 0, 0]
    assert choose(LOGITS, Controls(0.0), torch.Generator()) == 0


@pytest.mark.parametrize("temperature", [1e-30, 1e-6, 1e6])
def test_extreme_temperatures_stay_finite(temperature: float) -> None:
    odds = probabilities(LOGITS, Controls(temperature))
    assert odds.sum().item() == pytest.approx(1.0)


@pytest.mark.parametrize("k", [1, 2, 5, 99])
def test_top_k_keeps_the_k_likeliest(k: int) -> None:
    odds = probabilities(LOGITS, Controls(top_k=k))
    kept = min(k, 5)
    expected = torch.cat((torch.softmax(LOGITS[:kept], -1), torch.zeros(5 - kept)))
    torch.testing.assert_close(odds, expected)


def test_top_p_keeps_the_fewest_that_reach_the_share() -> None:
    plain = torch.softmax(LOGITS, -1)  # 0.61, 0.22, 0.14, 0.03, 0.004
    odds = probabilities(LOGITS, Controls(top_p=0.7))
    torch.testing.assert_close(odds[:2], plain[:2] / plain[:2].sum())
    assert odds[2:].tolist() == [0, 0, 0]


@given(
    st.lists(st.floats(-50, 50), min_size=1, max_size=30),
    st.floats(0.05, 5),
    st.integers(1, 40),
    st.floats(0.01, 1),
)
def test_odds_are_odds(scores: list[float], temperature: float, k: int, p: float) -> None:
    logits = torch.tensor(scores)
    odds = probabilities(logits, Controls(temperature, k, p))
    assert odds.sum().item() == pytest.approx(1.0, abs=1e-4)
    assert (odds >= 0).all()
    # One of those that are likeliest, up to rounding.
    assert odds[logits >= logits.max() - 1e-3].max() > 0
    assert int((odds > 0).sum()) <= k


def test_choices_follow_the_odds() -> None:
    random = torch.Generator().manual_seed(0)
    odds = probabilities(LOGITS, Controls(top_k=3))
    counts = torch.zeros(5)
    for _ in range(4000):
        counts[choose(LOGITS, Controls(top_k=3), random)] += 1
    # Four standard deviations of a share at 4,000 draws are at most 0.032.
    torch.testing.assert_close(counts / 4000, odds, atol=0.032, rtol=0)


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
    ],
)
def test_out_of_range_is_an_input_error(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Controls(**wrong)  # type: ignore[arg-type]
