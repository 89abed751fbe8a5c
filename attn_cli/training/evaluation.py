"""The exact loss of a text: every character predicted once, none sampled.

Shapes: B batch, T time (characters), V vocabulary.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from attn_cli.model.transformer import Transformer
from attn_cli.runs.metrics import bits
from attn_cli.text.batches import windows
from attn_cli.text.tokenizer import Ids

# Enough to keep the processor busy, small enough to stay in its caches.
CHARS_AT_ONCE = 8192


@dataclass(frozen=True)
class Evaluation:
    """How well a model predicts a text.

    Attributes:
        loss: Mean cross-entropy, nats per character.
        chars: Characters predicted: all but the first of the text.
    """

    loss: float
    chars: int

    @property
    def bits_per_char(self) -> float:
        return bits(self.loss)

    @property
    def perplexity(self) -> float:
        """Among how many equally likely characters the model is in doubt, as it were."""
        return math.exp(self.loss) if self.loss < 700 else math.inf


@torch.no_grad()
def evaluate(model: Transformer, ids: Ids) -> Evaluation:
    """Predicts each character of `ids` (N,) but the first.

    The text is cut into consecutive windows of `block_size`; what is left at the
    end is a shorter window of its own. The model's mode and the random state are
    as before afterwards.
    """
    device = model.token_embedding.weight.device
    block_size = model.config.block_size
    batch_size = max(1, CHARS_AT_ONCE // block_size)
    was_training = model.training
    model.eval()
    total, chars = 0.0, 0
    for x, y in windows(ids, block_size, batch_size):
        logits = model(x.to(device))  # (B, T, V)
        losses = F.cross_entropy(
            logits.float().flatten(0, 1), y.to(device).flatten(), reduction="sum"
        )
        total += losses.item()
        chars += y.numel()
    model.train(was_training)
    return Evaluation(loss=total / chars, chars=chars)


def evaluation_seconds(model: Transformer, ids: Ids, budget: float) -> float:
    """What an evaluation of `ids` (N,) will take, curves and a sample included, from a part of it.

    Args:
        model: What to evaluate.
        ids: The whole text.
        budget: Seconds of the whole run, of which this takes a small share.
    """
    for size in (CHARS_AT_ONCE, 4 * CHARS_AT_ONCE):  # the first of a shape is slower
        part = ids[:size]
        begin = time.monotonic()
        evaluate(model, part)
        seconds = (time.monotonic() - begin) * len(ids) / len(part)
        if time.monotonic() - begin > 0.01 * budget:
            break
    return seconds + 2.0
