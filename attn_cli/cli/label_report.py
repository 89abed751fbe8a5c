"""How a classifier does on some examples, in lines for the user and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attn_cli.text.display import counted, quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from attn_cli.inspection.label_evidence import LabelEvidence
    from attn_cli.objectives.label_evaluation import LabelEvaluation
    from attn_cli.text.examples import Split

MOST_CONFUSED = 5  # pairs of labels that are shown


def best_possible(
    names: Sequence[str], examples: Split, labels: Sequence[str]
) -> LabelEvaluation | None:
    """How the best classifier there can be does on some examples; None where it is not known.

    Args:
        names: Of the texts that the examples are from: known is a built-in one with labels.
        examples: They have labels.
        labels: The names of the labels.
    """
    from attn_cli.objectives.label_evaluation import evaluate_guesses
    from attn_cli.objectives.labels import as_examples
    from attn_cli.text.builtin import best_guesses

    guesses = best_guesses(names[0]) if len(names) == 1 else None
    return None if guesses is None else evaluate_guesses(as_examples(examples), labels, guesses)


def label_lines(
    evaluation: LabelEvaluation,
    labels: Sequence[str],
    best: LabelEvaluation | None = None,
    *,
    on_validation: bool,
) -> Iterator[str]:
    """Lines about an evaluation: accuracy, macro-F1, the majority beside it, confusions.

    Args:
        evaluation: Of a model.
        labels: The names of the labels.
        best: Of the best classifier there can be, on the same examples.
        on_validation: Whether they are the validation split, on which the checkpoint was chosen.
    """
    low, high = evaluation.accuracy_interval
    yield (
        f"accuracy    {evaluation.accuracy:.1%} (95 % interval {low:.1%} to {high:.1%}), "
        f"{counted(evaluation.examples, 'example')}"
    )
    if on_validation:
        yield (
            "            (this split chose the checkpoint; attn evaluate FILE measures on texts of "
            "your own)"
        )
    majority = labels[int(evaluation.confusion.sum(axis=1).argmax())]
    yield (
        f"majority    always predicting {quoted(majority)} would be right for "
        f"{evaluation.majority_accuracy:.1%}"
    )
    if best is not None:
        yield (
            f"at best     {best.accuracy:.1%}, macro-F1 {best.macro_f1:.3f}: of a classifier that "
            "knows how the texts were made"
        )
    seen = counted(evaluation.n_labels_seen, "label")
    yield f"macro-F1    {evaluation.macro_f1:.3f}, the mean over {seen}"
    yield f"loss        {evaluation.loss:.4f} nats per example"
    confused = evaluation.most_confused(MOST_CONFUSED)
    if confused:
        listed = ", ".join(
            f"{quoted(labels[own])} as {quoted(taken)} {number:,}"
            for own, taken, number in ((a, labels[b], n) for a, b, n in confused)
        )
        yield f"confusions  {listed}"


def label_record(
    evaluation: LabelEvaluation, labels: Sequence[str], best: LabelEvaluation | None = None
) -> dict[str, Any]:
    """The same for `--json`, with the whole confusion matrix: rows are the examples' own labels."""
    of_best = {}
    if best is not None:
        of_best = {"bayes_accuracy": best.accuracy, "bayes_macro_f1": best.macro_f1}
    return {
        "loss": evaluation.loss,
        "examples": evaluation.examples,
        "accuracy": evaluation.accuracy,
        "accuracy_interval": list(evaluation.accuracy_interval),
        "macro_f1": evaluation.macro_f1,
        "majority_accuracy": evaluation.majority_accuracy,
        **of_best,
        "labels": list(labels),
        "confusion": evaluation.confusion.tolist(),
    }


def evidence_record(evidence: LabelEvidence, labels: Sequence[str]) -> dict[str, Any]:
    """What speaks for the most probable label of a text, for `--json`."""
    return {
        "label": labels[evidence.label],
        "probs": {label: float(p) for label, p in zip(labels, evidence.probs, strict=True)},
        "shares": _rounded(evidence.shares),
        "ngram_shares": None if evidence.ngram_shares is None else _rounded(evidence.ngram_shares),
        "bias": evidence.bias,
        "probs_without": [
            None if math.isnan(p) else round(p, 7) for p in evidence.probs_without.tolist()
        ],
    }


def _rounded(numbers: NDArray[np.float32]) -> list[float]:
    rounded: list[float] = numbers.astype(float).round(7).tolist()
    return rounded
