"""What a user should know of a table of pairs before a model is trained on it."""

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from attn_cli.text.display import counted
from attn_cli.text.lines import count_shared_lines
from attn_cli.text.pairs import PairExamples


def notes_on_measured_pairs(pairs: PairExamples, training: PairExamples | None) -> Iterator[str]:
    """Lines for the user: which measured pairs were left out, or say little about the model.

    Args:
        pairs: They may have targets that the model cannot write, or sources that it was trained on.
        training: What it was trained on; None where that is not known.
    """
    total = len(pairs)
    if pairs.n_dropped:
        yield (
            f"left out: {pairs.n_dropped:,} of {total + pairs.n_dropped:,} pairs, whose source or "
            f"target does not fit into block_size {pairs.max_targets}"
        )
    yield from _note_on_unwritable(pairs, "targets")
    if training is not None and (shared := count_shared_lines(training, pairs)):
        yield (
            f"{shared:,} of {total:,} sources are also training sources: they say little of the "
            "accuracy on new ones"
        )


def pair_notes(train: PairExamples, validation: PairExamples) -> Iterator[str]:
    """Lines for the user: how many pairs repeat another, and which sources have several targets.

    Args:
        train: The pairs to train on.
        validation: Those to validate on.
    """
    yield from _note_on_unwritable(validation, "validation targets")
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


def _note_on_unwritable(pairs: PairExamples, targets: str) -> Iterator[str]:
    if count := int(pairs.cannot_be_written.sum()):
        yield (
            f"{count:,} of {len(pairs):,} {targets} have symbols outside the vocabulary, which the "
            "model cannot write"
        )
