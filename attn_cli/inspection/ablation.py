"""Zero ablation: what a model does without one of its heads.

A head is ablated by setting its columns of the output projection to zero (Michel et al.
2019, "Are sixteen heads really better than one?", section 2.3).

Shapes: T time (characters), C channels = n_embd, D head size, H heads, V vocabulary.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from attn_cli.inspection.forward_pass import ForwardPass, forward_pass, unsupported_block
from attn_cli.model.attention import MultiHeadAttention
from attn_cli.model.stack import Stack
from attn_cli.objectives.evaluation import PerTokenLosses
from attn_cli.text.examples import Examples, Split


@contextmanager
def zero_ablate_head(
    model: Stack, layer: int, head: int, module: str = "attention"
) -> Iterator[None]:
    """Context manager: without this head within, with it again afterwards; both count from 0.

    Args:
        model: Is changed in place.
        layer: Its block; of an encoder-decoder, of the decoder.
        head: Of that block's attention.
        module: Which attention of the block it is, by the name of its module.

    Raises:
        InputError: The model's blocks have no such heads.
    """
    attention = getattr(model.layers()[layer], module, None)
    if not isinstance(attention, MultiHeadAttention) or attention.projection is None:
        raise unsupported_block(model, "has no heads that an output projection merges")
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
    """What a text loses when one head is ablated."""

    layer: int  # which layer, from 0
    head: int  # which of its heads, from 0
    loss_increase: float | None  # of the mean loss, in nats per character; None for a single one
    next_probs: torch.Tensor  # the probability of each next character after the text, (V,)


def ablate_heads(model: Stack, ids: Sequence[int]) -> list[HeadAblation]:
    """The effect of each head on a text of T ids, layer by layer."""
    full = _mean_loss(forward_pass(model, ids))
    ablations = []
    for layer in range(model.config.n_layer):
        for head in range(model.config.n_head):
            with zero_ablate_head(model, layer, head):
                activations = forward_pass(model, ids)
            loss = _mean_loss(activations)
            increase = None if loss is None or full is None else loss - full
            probs = activations["logits"][-1].softmax(-1)
            ablations.append(HeadAblation(layer, head, increase, probs))
    return ablations


def _mean_loss(activations: ForwardPass) -> float | None:
    return float(activations.losses.mean()) if len(activations.ids) > 1 else None


@dataclass(frozen=True)
class AblationEffect:
    """What a model loses when a head is ablated."""

    loss_increase: float  # of the mean loss, in nats per character; negative where it falls
    standard_error: float | None  # over full windows or lines; None where there are fewer than 2


def ablation_effects(
    model: Stack, text: Split, mask_id: int | None = None
) -> Iterator[AblationEffect]:
    """The effect of each head on a text, layer by layer, by zero ablation.

    The losses are those of `attn evaluate`.

    Args:
        model: A decoder, or an encoder.
        text: As ids, or as lines.
        mask_id: Where the model is an encoder, what stands for a hidden character.
    """
    full, T = _losses(model, text, mask_id), model.config.block_size
    counts = np.full(len(full) // T, T)  # of full windows
    if isinstance(text, Examples):  # whose ends no encoder predicts
        counts = text.target_counts - (mask_id is not None)
    for layer in range(model.config.n_layer):
        for head in range(model.config.n_head):
            with zero_ablate_head(model, layer, head):
                increases = _losses(model, text, mask_id) - full  # (N - 1,)
            yield AblationEffect(float(increases.mean()), standard_error(increases, counts))


def standard_error(losses: NDArray[np.float64], counts: NDArray[np.int64]) -> float | None:
    """Of the mean loss, from windows of so many characters each (Cochran 1977, section 6.4)."""
    n = len(counts)
    if n < 2:
        return None
    starts = np.cumsum(counts) - counts
    sums = np.add.reduceat(losses[: counts.sum()], starts)  # (n,)
    deviations = sums - sums.sum() / counts.sum() * counts
    return math.sqrt(n / (n - 1) * float(deviations @ deviations)) / int(counts.sum())


def _losses(model: Stack, text: Split, mask_id: int | None) -> NDArray[np.float64]:
    """The loss of each character that is predicted, (N - 1,) of a text."""
    return np.concatenate(list(PerTokenLosses(model, text, mask_id))).astype(np.float64)
