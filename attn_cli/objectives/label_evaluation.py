"""How well a model predicts labels: every example of a split once, none sampled.

Shapes: B batch, Y labels.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from attn_cli.errors import DatasetError
from attn_cli.model.stack import Stack, evaluation_mode
from attn_cli.objectives.evaluation import TOKENS_PER_BATCH, AllReduce
from attn_cli.objectives.wilson import wilson_interval
from attn_cli.text.example_batches import eval_examples, labelled_batch
from attn_cli.text.examples import Examples


@dataclass(frozen=True, eq=False)
class LabelEvaluation:
    """How well a model predicts the labels of some examples.

    Attributes:
        loss: Mean cross-entropy, nats per example.
        confusion: How many examples of each label (rows) were taken for each (columns), (Y, Y).
    """

    loss: float
    confusion: NDArray[np.int64]

    @property
    def metrics(self) -> dict[str, Any]:
        """What a line of metrics.jsonl says of it."""
        return {
            "val_loss": self.loss,
            "val_accuracy": self.accuracy,
            "val_macro_f1": self.macro_f1,
        }

    @property
    def examples(self) -> int:
        """How many examples there are."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """The fraction of examples whose most probable label is their own."""
        return int(self.confusion.trace()) / self.examples

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """Where the accuracy on more such examples lies, with 95 % confidence."""
        return wilson_interval(int(self.confusion.trace()), self.examples)

    @property
    def majority_accuracy(self) -> float:
        """The accuracy of always predicting the label that is most frequent here."""
        return int(self.confusion.sum(axis=1).max()) / self.examples

    @property
    def f1(self) -> NDArray[np.float64]:
        """Each label's F1 score, (Y,): of precision and recall, the harmonic mean.

        NaN for a label that no example has and none was taken for.
        """
        totals = self.confusion.sum(axis=0) + self.confusion.sum(axis=1)
        with np.errstate(invalid="ignore"):
            scores: NDArray[np.float64] = 2 * self.confusion.diagonal() / totals
        return scores

    @property
    def n_labels_seen(self) -> int:
        """How many labels some example has, or was taken for."""
        return int(np.count_nonzero(~np.isnan(self.f1)))

    @property
    def macro_f1(self) -> float:
        """The mean F1 score over the labels that occur."""
        return float(np.nanmean(self.f1))

    def most_confused(self, number: int) -> list[tuple[int, int, int]]:
        """The most frequent confusions: a label, what it was taken for, and how often."""
        wrong = self.confusion.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[:number]
        pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
        return [(int(a), int(b), int(wrong[a, b])) for a, b in pairs if wrong[a, b]]


def evaluate_guesses(
    examples: Examples, labels: Sequence[str], guesses: Mapping[str, str]
) -> LabelEvaluation | None:
    """How well known guesses do, whose loss is not known: NaN; None where one is missing.

    Args:
        examples: They have labels.
        labels: The names of the labels.
        guesses: The name of a label for each text.
    """
    index = {name: number for number, name in enumerate(labels)}
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    uncut = examples.fit(examples.longest, "cut")
    for text, label in zip(uncut.texts(), examples.labels, strict=True):
        if guesses.get(text) not in index:
            return None
        confusion[label, index[guesses[text]]] += 1
    return LabelEvaluation(math.nan, confusion)


@torch.no_grad()
def evaluate_labels(
    model: Stack,
    examples: Examples,
    part: int = 0,
    parts: int = 1,
    all_reduce_sum: AllReduce | None = None,
) -> LabelEvaluation:
    """Predicts the label of each example.

    Args:
        model: A classifier, in any mode, which it is left in.
        examples: They have labels; of several processes each takes a part.
        part: Which part of the examples to take, from 0.
        parts: The number of processes that share them.
        all_reduce_sum: The sum of a tensor over these processes.

    Raises:
        DatasetError: There are no examples.
    """
    weight = model.head.weight
    n_labels = len(weight)  # Y
    loss = 0.0
    confusion = torch.zeros(n_labels * n_labels, dtype=torch.float64)
    own = examples.fit(model.config.block_size, "cut").by_length()[part::parts]
    with evaluation_mode(model):
        for on_cpu in eval_examples(own, TOKENS_PER_BATCH, labelled_batch):
            batch = on_cpu.to(weight.device)
            logits = model(batch.inputs, mask=batch.mask).float()  # (B, Y)
            loss += F.cross_entropy(logits, batch.targets, reduction="sum").item()
            cells = n_labels * batch.targets + logits.argmax(dim=-1)  # (B,)
            confusion += torch.bincount(cells.cpu(), minlength=len(confusion))
    sums = torch.cat([torch.tensor([loss], dtype=torch.float64), confusion])
    if all_reduce_sum is not None:
        sums = all_reduce_sum(sums)
    counts = sums[1:].numpy().astype(np.int64).reshape(n_labels, n_labels)
    if not counts.sum():
        raise DatasetError("nothing to predict: there are no examples")
    return LabelEvaluation(sums[0].item() / int(counts.sum()), counts)
