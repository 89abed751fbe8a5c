"""Passages that a text has more than once, such as a licence at the head of every file.

Shapes: N characters, W windows = N - WINDOW + 1, P passages.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WINDOW = 60  # characters that have to be the same for a passage to count as repeated
MIN_PASSAGE = 200  # characters of a passage that is worth naming
MAX_READ = 2**22  # characters; of a longer text, the beginning
_MAX_PASSAGES = 5
_MAX_PLACES = 3


@dataclass(frozen=True)
class Passage:
    """A passage that a text has several times, with small differences or none."""

    chars: int  # of its first copy
    copies: int
    begins: tuple[int, ...]  # where the first copies begin
    fraction: float  # of the text, all copies but the first


@dataclass(frozen=True)
class Repeats:
    """What of a text stands in it more than once."""

    fraction: float  # of its characters, in windows that it had before
    validation_fraction: float  # of the validation split, in windows that are trained on
    passages: tuple[Passage, ...]  # the ones that take most of the text, most first


def find_repeats(codes: NDArray[np.uint32], n_train: int) -> Repeats:
    """The repeated passages of a text.

    Each window of 60 characters has a hash; passages are runs of windows that occur again.
    Two runs are copies of one passage if the smallest of their hashes is the same, as it is with
    a probability of the share that they have in common (Broder 1997, "On the resemblance and
    containment of documents").

    Args:
        codes: The code points of the text, (N,).
        n_train: How many of them are trained on; the rest is the validation split.
    """
    if len(codes) < 2 * WINDOW:
        return Repeats(0.0, 0.0, ())
    hashes = _window_hashes(codes)  # (W,)
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    group = np.cumsum(new) - 1
    counts = np.bincount(group)
    occurs = np.empty(len(hashes), dtype=np.int64)
    occurs[order] = counts[group]  # (W,) how often a window occurs
    first = np.empty(len(hashes), dtype=np.int64)
    first[order] = order[np.flatnonzero(new)][group]  # (W,) where it occurs first
    again = _covered(first < np.arange(len(first)), len(codes))  # (N,)
    trained = _covered(first + WINDOW <= n_train, len(codes))[n_train:]
    return Repeats(
        fraction=float(again.mean()),
        validation_fraction=float(trained.mean()) if len(trained) else 0.0,
        passages=_passages(hashes, occurs > 1, len(codes)),
    )


def _window_hashes(codes: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """A hash of each window of characters, (W,), by doubling: of 1, 2, 4, ... characters."""
    hashes = _mixed(codes.astype(np.uint64))
    size = 1
    while 2 * size <= WINDOW:
        hashes = _mixed(hashes[:-size] * np.uint64(3) + hashes[size:])
        size *= 2
    rest = WINDOW - size
    return _mixed(hashes[:-rest] * np.uint64(3) + hashes[rest:]) if rest else hashes


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hashes of numbers: the finaliser of MurmurHash3."""
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return values ^ (values >> np.uint64(33))


def _covered(windows: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Which characters are in one of these windows, (N,)."""
    change = np.zeros(length + 1, dtype=np.int64)
    starts = np.flatnonzero(windows)
    change[starts] += 1
    np.add.at(change, starts + WINDOW, -1)
    return np.cumsum(change[:-1]) > 0


def _passages(
    hashes: NDArray[np.uint64], repeated: NDArray[np.bool_], length: int
) -> tuple[Passage, ...]:
    """The longest runs of repeated windows, with their copies."""
    edges = np.flatnonzero(np.diff(repeated, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    long_enough = ends - starts + WINDOW - 1 >= MIN_PASSAGE
    starts, ends = starts[long_enough], ends[long_enough]
    labels = np.array([hashes[a:b].min() for a, b in zip(starts, ends, strict=True)], np.uint64)
    found = []
    for label in np.unique(labels):
        copies = np.flatnonzero(labels == label)
        sizes = ends[copies] - starts[copies] + WINDOW - 1
        found.append(
            Passage(
                chars=int(sizes[0]),
                copies=len(copies),
                begins=tuple(int(start) for start in starts[copies][:_MAX_PLACES]),
                fraction=float(sizes[1:].sum() / length),
            )
        )
    found = [passage for passage in found if passage.copies > 1]
    return tuple(sorted(found, key=lambda each: -each.fraction)[:_MAX_PASSAGES])
