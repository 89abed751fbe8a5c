"""What a user should know of a table of pairs before a model is trained on it."""

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from attn_cli.text.display import counted
from attn_cli.text.pairs import PairExamples


def pair_notes(train: PairExamples, validation: PairExamples) -> Iterator[str]:
    """Lines for the user: how many pairs repeat another, and which sources have several targets.

    Args:
        train: The pairs to train on.
        validation: Those to validate on.
    """
    sides = (train, validation)
    hashes = np.concatenate([side.source_hashes for side in sides])
    _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    is_repeated = counts[inverse] > 1
    repeated = (train[is_repeated[: len(train)]], validation[is_repeated[len(train) :]])
    targets_of: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for side in repeated:
        for source, target in zip(side.source_hashes.tolist(), side.targets(), strict=True):
            targets_of[source][target] += 1
    n_distinct = sum(map(len, targets_of.values()))
    if copies := int(is_repeated.sum()) - n_distinct:
        yield f"copies of another pair, source and target: {copies:,}"
    several = [targets for targets in targets_of.values() if len(targets) > 1]
    if several:
        n_pairs = sum(map(Counter.total, several))
        lost = n_pairs - sum(max(targets.values()) for targets in several)
        yield (
            f"{counted(len(several), 'source')} with two targets or more ({n_pairs:,} pairs): any "
            f"of them counts as right; of all pairs, at best {1 - lost / len(hashes):.1%} can be "
            "written"
        )
