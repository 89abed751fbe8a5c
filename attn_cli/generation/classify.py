"""The labels of texts, by a classifier.

Shapes: N texts, B of them in a batch, T time (characters), Y labels.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from attn_cli.errors import DatasetError
from attn_cli.model.stack import Stack
from attn_cli.runs.loaded_model import LoadedModel
from attn_cli.runs.text_encoder import TextEncoder
from attn_cli.text.decoding import as_line
from attn_cli.text.padded_texts import padded_batches

CHUNK = 1024  # texts that are in memory at once


@dataclass(frozen=True, eq=False)
class ClassifiedText:
    """A text with the probability of each label.

    Attributes:
        text: On one line and without blanks at its end, as in training.
        labels: The names of the model's labels.
        probs: The probability of each, (Y,).
    """

    text: str
    labels: tuple[str, ...]
    probs: NDArray[np.float32]

    def most_probable(self, number: int) -> list[tuple[str, float]]:
        """The most probable labels with their probabilities, the best first."""
        best = np.argsort(-self.probs, kind="stable")[:number]
        return [(self.labels[index], float(self.probs[index])) for index in best]


def classify_texts(
    loaded: LoadedModel, texts: Iterable[str], encode: TextEncoder
) -> Iterator[ClassifiedText]:
    """Each of any number of texts with its labels, in order and in constant memory.

    Args:
        loaded: A classifier.
        texts: Read while this is iterated.
        encode: Makes ids of them for this model.

    Raises:
        DatasetError: There are no texts, or `encode` refuses one.
    """
    texts, found = (as_line(text).rstrip() for text in texts), False
    while chunk := list(islice(texts, CHUNK)):
        found = True
        ids = [(*loaded.line_beginning, *encode(text).tolist()) for text in chunk]
        encode.check_known()
        for text, probs in zip(chunk, label_probabilities(loaded.model, ids), strict=True):
            yield ClassifiedText(text, loaded.labels, probs)
    if not found:
        raise DatasetError("there are no texts to classify", "give a line at least")


@torch.no_grad()
def label_probabilities(model: Stack, texts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """The probability of each label for each of N texts, (N, Y), in their order.

    Texts of about the same length are read together; padding changes nothing.

    Args:
        model: A classifier, in evaluation mode.
        texts: As ids, each of at least one and at most `block_size`.
    """
    probs = np.empty((len(texts), len(model.head.weight)), np.float32)
    device = model.head.weight.device
    for indices, ids, mask in padded_batches(texts):
        logits = model(ids.to(device), mask=None if mask is None else mask.to(device))  # (B, Y)
        probs[indices] = logits.float().softmax(dim=-1).cpu().numpy()
    return probs
