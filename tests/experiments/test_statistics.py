"""The statistics against scipy's, and against simulated experiments of which the truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy import stats

from attn_cli.experiments.statistics import (
    Difference,
    holm,
    paired_difference,
    pairs_needed,
    summarize,
    welch_difference,
)

Compare = Callable[[Sequence[float], Sequence[float]], Difference]
REFERENCE = [1.31, 1.28, 1.35, 1.30, 1.33]
OTHER = [1.29, 1.27, 1.30, 1.31, 1.29]


def test_a_summary_is_that_of_scipy() -> None:
    found = summarize(REFERENCE)
    interval = stats.t.interval(0.95, 4, np.mean(REFERENCE), stats.sem(REFERENCE))
    assert (found.n, found.min, found.max) == (5, 1.28, 1.35)
    assert (found.low, found.high) == pytest.approx(interval)
    assert found.sd == pytest.approx(np.std(REFERENCE, ddof=1))


def test_one_value_has_no_interval() -> None:
    found = summarize([1.5])
    assert (found.n, found.mean, found.sd, found.low, found.high) == (1, 1.5, None, None, None)
    for compare in (paired_difference, welch_difference):
        difference = compare([1.5], [1.2])
        assert (difference.p, difference.low, difference.detectable) == (None, None, None)
        assert difference.delta == pytest.approx(-0.3)


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("paired", [True, False])
def test_a_difference_is_that_of_scipy(paired: bool, n: int) -> None:
    values = OTHER[:n]
    if paired:
        reference = REFERENCE[:n]
        found, expected = (
            paired_difference(reference, values),
            stats.ttest_rel(values, reference),
        )
    else:
        found = welch_difference(REFERENCE, values)
        expected = stats.ttest_ind(values, REFERENCE, equal_var=False)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))
    assert (found.paired, found.n) == (paired, n)


def test_pairs_are_counted_by_their_sign() -> None:
    found = paired_difference([1.0, 2.0, 3.0, 4.0], [0.5, 2.5, 3.0, 3.0])
    assert (found.lower, found.higher) == (2, 1)


def test_equal_pairs_differ_by_nothing() -> None:
    found = paired_difference(REFERENCE, REFERENCE)
    assert (found.delta, found.low, found.high, found.p) == (0, 0, 0, 1)
    assert found.detectable is None
    assert welch_difference([1.0, 1.0], [1.0, 1.0]).p == 1
    assert pairs_needed(found) is None


def test_holm_multiplies_the_lowest_by_all() -> None:
    # Holm (1979): 0.01 × 4, 0.02 × 3, 0.03 × 2, and what comes after is never lower.
    assert holm([0.03, 0.01, 0.9, 0.02]) == pytest.approx([0.06, 0.04, 0.9, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


EXPERIMENTS = 2000


def simulated(compare: Compare, delta: float, n: int, seed: int) -> list[Difference]:
    """Experiments: the losses of two recipes, of which the second is higher by `delta`.

    Each seed moves both by as much, as initialisation and data do; the spread of a pair's
    difference is 0.02, that of each loss larger.
    """
    random = np.random.default_rng(seed)
    found = []
    for _ in range(EXPERIMENTS):
        of_seed = random.normal(0, 0.03, n)
        noise = random.normal(0, 0.02 / math.sqrt(2), (2, n))
        reference, values = 1.5 + of_seed + noise[0], 1.5 + delta + of_seed + noise[1]
        if compare is welch_difference:  # runs of other seeds
            values = 1.5 + delta + random.normal(0, 0.03, n) + noise[1]
        found.append(compare(list(reference), list(values)))
    return found


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("compare", [paired_difference, welch_difference])
def test_equal_recipes_are_told_apart_in_5_of_100_experiments(compare: Compare, n: int) -> None:
    found = simulated(compare, 0.0, n, seed=1)
    rejected = np.mean([each.p is not None and each.p < 0.05 for each in found])
    assert 0.02 <= rejected <= 0.08


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("compare", [paired_difference, welch_difference])
def test_the_interval_has_the_truth_in_95_of_100_experiments(compare: Compare, n: int) -> None:
    found = simulated(compare, 0.04, n, seed=2)
    covered = np.mean([each.low <= 0.04 <= each.high for each in found])  # type: ignore[operator]
    assert 0.92 <= covered <= 0.98


def test_the_interval_of_a_mean_has_the_truth_in_95_of_100_experiments() -> None:
    random = np.random.default_rng(3)
    found = [summarize(list(random.normal(1.5, 0.03, 4))) for _ in range(EXPERIMENTS)]
    assert 0.92 <= np.mean([each.low <= 1.5 <= each.high for each in found]) <= 0.98  # type: ignore[operator]


@pytest.mark.parametrize(
    ("compare", "n"),
    # Welch's test has less power with fewer: it has to estimate two spreads.
    [*((paired_difference, n) for n in (2, 3, 5, 10)), *((welch_difference, n) for n in (5, 10))],
)
def test_the_detectable_difference_is_shown_in_80_of_100_experiments(
    compare: Compare, n: int
) -> None:
    # Of values that spread exactly as the simulated losses do.
    spread = np.linspace(-1, 1, n)
    spread /= spread.std(ddof=1)
    if compare is paired_difference:
        exact = compare([0.0] * n, list(0.02 * spread))
    else:
        sd = math.hypot(0.03, 0.02 / math.sqrt(2))
        exact = compare(list(sd * spread), list(sd * spread))
    assert exact.detectable is not None
    found = simulated(compare, exact.detectable, n, seed=4)
    shown = np.mean([each.p is not None and each.p < 0.05 for each in found])
    assert 0.74 <= shown <= 0.86


def test_holm_errs_in_5_of_100_experiments_with_three_arms() -> None:
    random = np.random.default_rng(5)
    erred = 0
    for _ in range(EXPERIMENTS):
        reference, *others = random.normal(1.5, 0.03, (4, 5))
        tests = [welch_difference(list(reference), list(other)) for other in others]
        erred += min(holm([test.p for test in tests if test.p is not None])) < 0.05
    assert 0.02 <= erred / EXPERIMENTS <= 0.08


def test_the_pairs_needed_would_show_the_difference() -> None:
    values = [0.0, 0.03, -0.01, 0.02]
    needed = pairs_needed(paired_difference([0.0] * 4, values))
    assert needed is not None
    assert needed > 4
    sd, mean = np.std(values, ddof=1), np.mean(values)

    def power(n: int) -> float:
        critical, shift = stats.t.ppf(0.975, n - 1), mean / sd * math.sqrt(n)
        return float(stats.nct.sf(critical, n - 1, shift))

    assert power(needed - 1) < 0.8 <= power(needed) + 1e-5
