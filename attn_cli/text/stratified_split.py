"""Draws the labelled lines that are held out for validation: of each label its fraction.

Shapes: M lines of the text, K labels.
"""

import numpy as np
from numpy.typing import NDArray

from attn_cli.text.examples import Examples
from attn_cli.text.lines import mix


def split_labelled(
    lines: Examples, validation_fraction: float, seed: int
) -> tuple[Examples, Examples]:
    """The lines to train on, and those held out for validation.

    Equal texts, whatever their labels, are on the same side; they count as the most frequent of
    these labels. Of each label as near to its fraction is held out as equal texts allow, rounded
    so that the sum over labels is exact, and never all of it. So the split depends on nothing but
    the lines and the seed.

    Args:
        lines: All lines of the text, with their labels.
        validation_fraction: Fraction to hold out.
        seed: Determines which.
    """
    assert lines.line_labels is not None
    hashes = lines.lines[:, 2].view(np.uint64)  # (M,)
    strata = _strata(hashes, lines.line_labels)  # (M,)
    keys = mix(hashes ^ mix(np.array([seed], np.uint64)))  # (M,)
    order = np.lexsort((keys, strata))
    counts = np.bincount(strata)  # (K,)
    wanted = _rounded_in_sum(validation_fraction * counts, seed)
    held_out = np.zeros(len(keys), bool)
    first = 0
    for count, number in zip(counts.tolist(), wanted.tolist(), strict=True):
        rows = order[first : first + count]  # of a label, equal texts one after the other
        first += count
        if number:
            held_out[rows[_draw(keys[rows], min(number, count - 1))]] = True
    return lines[~held_out], lines[held_out]


def _strata(hashes: NDArray[np.uint64], labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """The most frequent label of each line's text, the first of equally frequent ones, (M,)."""
    pairs = np.stack((hashes, labels.astype(np.uint64)), axis=1)
    pairs, counts = np.unique(pairs, axis=0, return_counts=True)  # sorted by text, then label
    texts, begins = np.unique(pairs[:, 0], return_index=True)
    by_count = np.lexsort((pairs[:, 1], -counts, pairs[:, 0]))
    most_frequent = pairs[by_count[begins], 1]
    strata: NDArray[np.int64] = most_frequent[texts.searchsorted(hashes)].astype(np.int64)
    return strata


def _rounded_in_sum(quotas: NDArray[np.floating], seed: int) -> NDArray[np.int64]:
    """Each quota rounded down, or up where most is missing, so that their sum is rounded, too.

    Among equal quotas, the seed decides.
    """
    rounded: NDArray[np.int64] = np.floor(quotas).astype(np.int64)
    missing = max(1, round(float(quotas.sum()))) - int(rounded.sum())
    ties = np.random.default_rng(seed).random(len(quotas))
    rounded[np.lexsort((ties, rounded - quotas))[:missing]] += 1
    return rounded


def _draw(keys: NDArray[np.uint64], number: int) -> NDArray[np.int64]:
    """Which lines of a label to hold out: `number` of them, or as near below as equal texts allow.

    Args:
        keys: Sorted; equal texts have equal keys.
        number: Less than there are lines.
    """
    ends = np.append(np.flatnonzero(keys[1:] != keys[:-1]) + 1, len(keys))  # of equal texts
    sizes = np.diff(ends, prepend=0)
    drawn = np.zeros(len(keys), bool)
    text, missing = 0, number
    while missing and text < len(sizes):
        # All texts that fit, up to one that has too many lines, and then the next that fits.
        end = text + int(sizes[text:].cumsum().searchsorted(missing, side="right"))
        if end > text:
            first = ends[text] - sizes[text]
            drawn[first : ends[end - 1]] = True
            missing -= ends[end - 1] - first
        fitting = np.flatnonzero(sizes[end:] <= missing)
        text = end + int(fitting[0]) if len(fitting) else len(sizes)
    return np.flatnonzero(drawn)
