"""The measures of a classifier, beside their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from attn_cli.errors import DatasetError
from attn_cli.model.build import build_model
from attn_cli.objectives.label_evaluation import LabelEvaluation, evaluate_labels
from attn_cli.text.examples import Examples
from attn_cli.text.tokenizer import corpus_tokenizer
from tests.conftest import tiny_config

Y = 3
TEXTS = ["ab", "abcabcabc", "c", "bca", "ccab", "ba", "a"]
LABELS = [0, 1, 2, 0, 0, 1, 1]


def examples_of(texts: list[str], labels: list[int]) -> Examples:
    """Labelled examples, as a corpus has them."""
    tokenizer = corpus_tokenizer("abc\n")
    text = "".join(f"{line}\n" for line in texts)
    ends = np.cumsum([len(line) + 1 for line in texts]) - 1
    begins = ends - [len(line) for line in texts]
    lines = np.stack([begins, ends, np.zeros_like(ends)], axis=1)
    rows = np.arange(len(texts))
    return Examples(
        tokenizer.encode(text), lines, rows, tokenizer, line_labels=np.array(labels, np.uint8)
    )


def evaluation(own: list[int], taken: list[int]) -> LabelEvaluation:
    confusion = np.zeros((Y, Y), np.int64)
    np.add.at(confusion, (own, taken), 1)
    return LabelEvaluation(0.0, confusion)


def f1(own: list[int], taken: list[int], label: int) -> float:
    """By the definition: the harmonic mean of precision and recall."""
    right = sum(a == b == label for a, b in zip(own, taken, strict=True))
    if not right:
        return 0.0
    precision, recall = right / taken.count(label), right / own.count(label)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize(
    ("own", "taken", "occurring"),
    [
        ([0, 0, 1, 2, 2, 2, 1], [0, 1, 1, 2, 0, 2, 1], [0, 1, 2]),
        ([0, 0, 1], [1, 1, 0], [0, 1]),  # none right, and one label in neither
        ([0, 0, 0, 1], [0, 0, 2, 0], [0, 1, 2]),  # a label that no example has
    ],
)
def test_the_measures_are_what_they_are_called(
    own: list[int], taken: list[int], occurring: list[int]
) -> None:
    measured = evaluation(own, taken)

    assert measured.examples == len(own)
    assert measured.accuracy == sum(map(int.__eq__, own, taken)) / len(own)
    assert measured.majority_accuracy == max(map(own.count, own)) / len(own)
    assert measured.n_labels_seen == len(occurring)
    scores = [f1(own, taken, label) for label in occurring]
    assert measured.macro_f1 == pytest.approx(sum(scores) / len(scores))


def test_the_most_frequent_confusions_come_first() -> None:
    measured = evaluation([0, 0, 0, 1, 2, 2], [1, 1, 0, 2, 1, 2])

    assert measured.most_confused(2) == [(0, 1, 2), (1, 2, 1)]
    assert len(measured.most_confused(9)) == 3


@pytest.mark.parametrize(
    # Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    ("right", "number", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_wilsons(right: int, number: int, low: float, high: float) -> None:
    own = [0] * number
    measured = evaluation(own, [0] * right + [1] * (number - right))

    assert measured.accuracy_interval == pytest.approx((low, high), abs=5e-5)


@torch.no_grad()
def test_every_example_counts_once_however_they_are_batched_and_shared() -> None:
    torch.manual_seed(5)
    examples = examples_of(TEXTS, LABELS)
    model = build_model(tiny_config().model, examples.tokenizer.vocab_size, "classify", Y)
    loss, confusion = 0.0, np.zeros((Y, Y), np.int64)
    model.eval()
    for text, label in zip(TEXTS, LABELS, strict=True):
        logits = model(torch.from_numpy(examples.tokenizer.encode("\n" + text).astype(int))[None])
        loss += F.cross_entropy(logits, torch.tensor([label])).item()
        confusion[label, int(logits.argmax())] += 1
    model.train()

    sums = torch.zeros(1 + Y * Y, dtype=torch.float64)

    def collect(part: torch.Tensor) -> torch.Tensor:
        return sums.add_(part)

    whole = evaluate_labels(model, examples)
    for part in range(3):
        of_parts = evaluate_labels(model, examples, part, 3, collect)

    assert model.training
    for measured in (whole, of_parts):
        assert math.isclose(measured.loss, loss / len(TEXTS), rel_tol=1e-5)
        np.testing.assert_array_equal(measured.confusion, confusion)


def test_nothing_is_no_evaluation() -> None:
    model = build_model(tiny_config().model, 4, "classify", Y)

    with pytest.raises(DatasetError, match="no examples"):
        evaluate_labels(model, examples_of(TEXTS, LABELS)[:0])
