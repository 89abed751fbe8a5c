"""What several seeds came to: mean, spread and interval, and how sure a difference is.

Intervals have a confidence of 95 %; the statistics are those of `attn compare`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attn_cli.experiments.statistics import holm, paired_difference, summarize, welch_difference


def spread(values: Sequence[float], form: str = ".4f") -> str:
    """The mean ± standard deviation of some values, the interval of the mean, and the range.

    Args:
        values: At least one; one is shown alone.
        form: How a value is written.
    """
    found = summarize(values)
    if found.sd is None:
        return f"{found.mean:{form}}"
    return (
        f"{found.mean:{form}} ± {found.sd:{form}}  [{found.low:{form}}, {found.high:{form}}]"
        f"  {found.min:{form}}..{found.max:{form}}"
    )


def differences(
    results: Mapping[str, Sequence[float]], form: str = ".4f", *, paired: bool
) -> Iterator[str]:
    """A line for all but the first: how much higher its mean is, with interval and p-value.

    Of several lines the p-values are corrected by Holm's method; the intervals are not.

    Args:
        results: The values of each side by its name; the first is the reference.
        form: How a value is written.
        paired: Whether values with the same index have in common what varies, as a split. Splits
            of the same data overlap, which makes intervals too narrow (Nadeau and Bengio 2003).
    """
    (reference, first), *others = results.items()
    compare = paired_difference if paired else welch_difference
    found = {name: compare(first, values) for name, values in others}
    corrected = iter(holm([each.p for each in found.values() if each.p is not None]))
    for name, each in found.items():
        line = f"{name} − {reference}: {each.delta:+{form}}"
        if each.p is None:
            yield f"{line}, of a single seed: how sure that is cannot be said"
        else:
            interval = f"[{each.low:+{form}}, {each.high:+{form}}]"
            by = " (Holm)" * (len(found) > 1)
            yield f"{line}, 95 % interval {interval}, p = {next(corrected):.2g}{by}"
