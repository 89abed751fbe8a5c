"""Means and differences of a few runs, each with how sure it is.

Runs of one configuration differ by their seed as if drawn at random; of their losses, means are
close to normal. All tests are two-sided, all intervals have a confidence of 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE  # of the tests
POWER = 0.8
_MAX_PAIRS = 1000


@dataclass(frozen=True)
class Summary:
    """Several values in short.

    Attributes:
        n: How many there are.
        mean: Their mean.
        sd: Their standard deviation, with n - 1 in the denominator; None of one value.
        low: The lower end of the interval for the mean that a normal distribution of this spread
            has, by Student's t; None of one value.
        high: Its upper end.
        min: The lowest value.
        max: The highest.
    """

    n: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None
    min: float
    max: float


@dataclass(frozen=True)
class Difference:
    """How much higher the values of one group are than those of another, the reference.

    Attributes:
        paired: Whether each value has its counterpart, of the same seed.
        n: The number of pairs; without them, of the values of the smaller group.
        delta: The difference of the means.
        low: The lower end of its interval; None where a group has a single value.
        high: Its upper end.
        p: The probability of a difference at least as far from 0 if there were none in truth;
            None where a group has a single value.
        lower: In how many pairs the value is lower than that of the reference; 0 without pairs.
        higher: In how many it is higher.
        detectable: The smallest true difference that as many values would show with a probability
            of `POWER`, if they spread as these do; without pairs, of fewer than five values, a
            little too small. None where a group has a single value, or nothing spreads.
    """

    paired: bool
    n: int
    delta: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    lower: int = 0
    higher: int = 0
    detectable: float | None = None


def summarize(values: Sequence[float]) -> Summary:
    """The mean of at least one value, with its spread and interval."""
    n, mean, sd, half = len(values), float(np.mean(values)), None, None
    if n > 1:
        sd = float(np.std(values, ddof=1))
        half = _t_quantile(n - 1) * sd / math.sqrt(n)
    low, high = (None, None) if half is None else (mean - half, mean + half)
    return Summary(n, mean, sd, low, high, min(values), max(values))


def paired_difference(reference: Sequence[float], values: Sequence[float]) -> Difference:
    """The mean difference of pairs, by Student's t-test of the differences (Student 1908).

    Args:
        reference: At least one value.
        values: As many, each the counterpart of the one at the same index.
    """
    differences = np.subtract(values, reference)
    n, delta = len(differences), float(differences.mean())
    lower, higher = int((differences < 0).sum()), int((differences > 0).sum())
    if n < 2:
        return Difference(True, n, delta, lower=lower, higher=higher)
    error = float(differences.std(ddof=1)) / math.sqrt(n)
    low, high, p, detectable = _t_test(delta, error, n - 1)
    return Difference(True, n, delta, low, high, p, lower, higher, detectable)


def welch_difference(reference: Sequence[float], values: Sequence[float]) -> Difference:
    """The difference of the means of two groups whose spreads may differ (Welch 1947).

    Args:
        reference: At least one value.
        values: At least one.
    """
    delta, n = float(np.mean(values) - np.mean(reference)), min(len(reference), len(values))
    if n < 2:
        return Difference(False, n, delta)
    squares = [float(np.var(each, ddof=1)) / len(each) for each in (reference, values)]
    error = math.sqrt(sum(squares))
    # Welch's and Satterthwaite's degrees of freedom.
    parts = [s**2 / (len(each) - 1) for s, each in zip(squares, (reference, values), strict=True)]
    freedom = sum(squares) ** 2 / sum(parts) if sum(parts) else len(reference) + len(values) - 2
    low, high, p, detectable = _t_test(delta, error, freedom)
    return Difference(False, n, delta, low, high, p, detectable=detectable)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of several tests, corrected so that the first error in any has 5 % (Holm 1979).

    The i-th lowest of m, from 0, is multiplied by m - i, and none becomes lower than the one
    before it.
    """
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def pairs_needed(difference: Difference) -> int | None:
    """How many pairs would show a true difference as large as this one, at a power of `POWER`.

    None without pairs, or where it is more than a thousand.
    """
    if not difference.paired or difference.high is None or not difference.delta:
        return None
    n = difference.n
    error = (difference.high - difference.delta) / _t_quantile(n - 1)  # of the mean of n
    for pairs in range(max(n, 2), _MAX_PAIRS + 1):
        if _detectable(error * math.sqrt(n / pairs), pairs - 1) <= abs(difference.delta):
            return pairs
    return None


def _t_test(delta: float, error: float, freedom: float) -> tuple[float, float, float, float | None]:
    """Both ends of an interval, the p-value, and the smallest detectable difference."""
    from scipy.special import stdtr

    half = _t_quantile(freedom) * error
    # Without any spread it is the same difference each time.
    p = 2 * float(stdtr(freedom, -abs(delta) / error)) if error else float(delta == 0)
    return delta - half, delta + half, p, _detectable(error, freedom) if error else None


def _t_quantile(freedom: float) -> float:
    """What |t| stays below with a probability of `CONFIDENCE`."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - ALPHA / 2))


def _detectable(error: float, freedom: float) -> float:
    """The true difference at which a t-test rejects with a probability of `POWER`.

    The statistic has Student's noncentral distribution; of its two tails, the one away from the
    difference is nothing (Cohen 1988, chapter 2).

    Args:
        error: The standard error of the difference.
        freedom: Its degrees of freedom.
    """
    from scipy.special import nctdtrinc

    return error * float(nctdtrinc(freedom, 1 - POWER, _t_quantile(freedom)))
