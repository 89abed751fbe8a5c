"""Faster ways to compute attention; each is equal to the textbook's lines in `attention.py`.

Shapes: B batch, T queries, S keys, H heads, D head size. A leading "..." is B, or nothing.
"""

import math
from typing import Protocol

import torch
from torch.nn import functional as F

from attn_cli.model.dropout import dropout
from attn_cli.model.mask import causal_mask, combine

# Keys up to which plain products are no slower on a CPU than torch's fused kernel, whose
# backward is slow in bf16, and which is no longer fused with dropout (benchmarks/LOG.md).
MAX_MATMUL_LENGTH = {torch.bfloat16: 256, torch.float32: 64}
MAX_MATMUL_LENGTH_DROPOUT = 256


class Kernel(Protocol):
    """softmax(q kᵀ / sqrt(D) + mask) v, without the weights."""

    def __call__(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        *,
        causal: bool,
        mask: torch.Tensor | None,
        dropout_p: float,
    ) -> torch.Tensor:
        """The values mixed by attention, (..., H, T, D).

        Args:
            q: Queries, (..., H, T, D).
            k: Keys, (..., H, S, D).
            v: Values, (..., H, S, D).
            causal: Whether query t, the last but T - 1 - t of S, sees only keys up to itself.
            mask: Which keys may be seen, (..., 1, T or 1, S) of bool; all where None.
            dropout_p: Probability that a weight is dropped.
        """
        ...


def choose_kernel(q: torch.Tensor, k: torch.Tensor, dropout_p: float) -> Kernel:
    """`attend_matmul` for a batch of short texts on a CPU, `attend_sdpa` for all else."""
    longest = MAX_MATMUL_LENGTH.get(q.dtype, 0)
    if dropout_p:
        longest = max(longest, MAX_MATMUL_LENGTH_DROPOUT)
    short = q.device.type == "cpu" and k.shape[-2] <= longest
    return attend_matmul if short and q.dim() == 4 else attend_sdpa


def attend_matmul(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    *,
    causal: bool,
    mask: torch.Tensor | None,
    dropout_p: float,
) -> torch.Tensor:
    """Two batched products and a softmax; scale and mask are part of the first product."""
    (B, H, T, D), S = q.shape, k.shape[-2]
    # The last character of all sees everything before it.
    visible = combine(causal_mask(q, k) if causal and T > 1 else None, mask)
    bias = q.new_zeros((T, S) if mask is None else (B, 1, T, S))  # added to the scores
    if visible is not None:
        bias.masked_fill_(~visible, float("-inf"))
    if mask is not None:
        bias = bias.expand(B, H, T, S).reshape(B * H, T, S)
    q, k, v = (x.reshape(B * H, -1, D) for x in (q, k, v))  # (B·H, T|S, D)
    scores = torch.baddbmm(bias, q, k.transpose(1, 2), alpha=1 / math.sqrt(D))  # (B·H, T, S)
    weights = dropout(scores.softmax(dim=-1), dropout_p, training=True)
    return torch.bmm(weights, v).view(B, H, T, D)


def attend_sdpa(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    *,
    causal: bool,
    mask: torch.Tensor | None,
    dropout_p: float,
) -> torch.Tensor:
    """torch's fused kernel (Dao et al. 2022, where the device has it)."""
    T, S = q.shape[-2], k.shape[-2]
    square = causal and T == S and mask is None
    partly = causal and T > 1 and not square
    return F.scaled_dot_product_attention(
        q,
        k,
        v,
        attn_mask=combine(causal_mask(q, k) if partly else None, mask),
        dropout_p=dropout_p,
        is_causal=square,
    )
