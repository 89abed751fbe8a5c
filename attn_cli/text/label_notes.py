"""What a user should know of the labels of a data set before a model is trained on it.

Shapes: N examples, K labels, P pairs of a text and a label.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from attn_cli.text.display import counted
from attn_cli.text.examples import Examples
from attn_cli.text.line_labels import shown_labels

FEW = 10  # examples of a label; with fewer it is named


def label_notes(train: Examples, validation: Examples, names: Sequence[str]) -> Iterator[str]:
    """Lines for the user: how frequent the labels are, which are rare, and what repeats.

    Args:
        train: The examples to train on.
        validation: Those to validate on.
        names: The names of all labels.
    """
    n_train, n_validation = (
        np.bincount(side.labels, minlength=len(names)) for side in (train, validation)
    )  # (K,)
    total = n_train + n_validation
    most = int(total.argmax())
    share = total[most] / max(1, total.sum())
    yield (
        f"{len(names):,} labels ({shown_labels(names)}); the most frequent is "
        f"{shown_labels([names[most]])}, that of {share:.1%} of the examples"
    )

    def listed(which: NDArray[np.bool_]) -> str:
        labels = np.flatnonzero(which)
        rarest_first = labels[np.argsort(total[labels], kind="stable")]
        shown = shown_labels([names[label] for label in rarest_first])
        return f"{counted(len(labels), 'label')} ({shown})"

    if (never_trained := (n_train == 0) & (total > 0)).any():
        yield f"{listed(never_trained)} only in validation: the model cannot learn them"
    if (never_validated := (n_validation == 0) & (total > 0)).any():
        yield f"{listed(never_validated)} only in training: nothing tells how well they are learned"
    if (few := (total > 0) & (total < FEW)).any():
        yield f"{listed(few)} with fewer than {FEW} examples"
    yield from _notes_on_repeats(train, validation)


def _notes_on_repeats(train: Examples, validation: Examples) -> Iterator[str]:
    """Lines for the user: how many examples repeat another, and how many texts have two labels."""
    sides = (train, validation)
    hashes = np.concatenate([side.lines[side.rows, 2] for side in sides])  # (N,)
    labels = np.concatenate([side.labels for side in sides]).astype(np.int64)  # (N,)
    pairs, counts = np.unique(np.stack((hashes, labels), axis=1), axis=0, return_counts=True)
    if len(pairs) < len(hashes):
        yield f"copies of another example, text and label: {len(hashes) - len(pairs):,}"
    begins = np.flatnonzero(np.diff(pairs[:, 0], prepend=pairs[0, 0] - 1))  # of a text's pairs
    n_labels = np.diff(begins, append=len(pairs))
    several = n_labels > 1
    if several.any():
        n_examples = np.add.reduceat(counts, begins)[several].sum()
        best = np.maximum.reduceat(counts, begins)[several].sum()
        of_all = 1 - (n_examples - best) / len(hashes)
        yield (
            f"{counted(int(several.sum()), 'text')} with two labels or more ({n_examples:,} "
            f"examples): at best {best / n_examples:.1%} of these can be right, {of_all:.1%} of all"
        )
