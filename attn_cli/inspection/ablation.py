"""What a model does without one of its heads.

A head is taken away by putting zeros where it gives its mix of values to the rest of
the model: into its columns of the linear layer that merges the heads (Michel et al.
2019, "Are sixteen heads really better than one?", section 2.3).

Shapes: T time (characters), C channels = n_embd, D head size, H heads, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from attn_cli.inspection.forward_pass import ForwardPass, forward_pass
from attn_cli.model.attention import MultiHeadAttention
from attn_cli.model.transformer import Transformer


@contextmanager
def without_head(model: Transformer, layer: int, head: int) -> Iterator[None]:
    """Takes a head away, and gives it back afterwards.

    Args:
        model: The model, changed in place meanwhile.
        layer: Which layer, from 0.
        head: Which of its heads, from 0.
    """
    attention = model.blocks[layer].attention
    assert isinstance(attention, MultiHeadAttention)
    assert attention.projection is not None
    D = attention.head_size
    columns = attention.projection.weight.data[:, head * D : (head + 1) * D]  # (C, D)
    kept = columns.clone()
    columns.zero_()
    try:
        yield
    finally:
        columns.copy_(kept)


@dataclass(frozen=True, eq=False)
class HeadAblation:
    """What is different on a text when one head is taken away.

    Attributes:
        layer: Which layer, from 0.
        head: Which of its heads, from 0.
        loss_change: How much the mean loss rises, in nats per character; None for a text
            of one character, where nothing is predicted.
        next_odds: The odds of each character to come after the text without it, (V,).
    """

    layer: int
    head: int
    loss_change: float | None
    next_odds: torch.Tensor


def ablate_heads(model: Transformer, ids: Sequence[int]) -> list[HeadAblation]:
    """A text of T ids without each head in turn, layer by layer."""
    whole = _mean_loss(forward_pass(model, ids))
    ablations = []
    for layer in range(model.config.n_layer):
        for head in range(model.config.n_head):
            with without_head(model, layer, head):
                seen = forward_pass(model, ids)
            loss = _mean_loss(seen)
            change = None if loss is None or whole is None else loss - whole
            odds = seen["logits"][-1].softmax(-1)
            ablations.append(HeadAblation(layer, head, change, odds))
    return ablations


def _mean_loss(seen: ForwardPass) -> float | None:
    return float(seen.losses.mean()) if len(seen.ids) > 1 else None
