"""The labels of texts, by a classifier.

Shapes: N texts, B of them in a batch, T time (characters), Y labels.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from attn_cli.model.stack import Stack

# Enough to keep the processor busy, small enough to stay in its caches.
TOKENS_PER_BATCH = 8192


@torch.no_grad()
def label_probabilities(model: Stack, texts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """The probability of each label for each of N texts, (N, Y), in their order.

    Texts of about the same length are read together; padding changes nothing.

    Args:
        model: A classifier, in evaluation mode.
        texts: As ids, each of at least one and at most `block_size`.
    """
    probs = np.empty((len(texts), len(model.head.weight)), np.float32)
    lengths = np.array([len(text) for text in texts], np.int64)
    order = np.argsort(lengths, kind="stable")
    batch_size = max(1, TOKENS_PER_BATCH // max(lengths, default=1))
    for first in range(0, len(order), batch_size):
        some = order[first : first + batch_size]  # (B,)
        T = lengths[some].max()
        ids = torch.zeros(len(some), T, dtype=torch.int64)
        for row, number in enumerate(some):
            ids[row, : lengths[number]] = torch.tensor(texts[number])
        is_text = torch.arange(T) < torch.from_numpy(lengths[some])[:, None]  # (B, T)
        device = model.head.weight.device
        logits = model(ids.to(device), mask=is_text[:, None, None, :].to(device))  # (B, Y)
        probs[some] = logits.float().softmax(dim=-1).cpu().numpy()
    return probs
