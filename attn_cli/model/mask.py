"""Which keys each query may see, as masks of bool: True where it may.

Shapes: B batch, T queries, S keys.
"""

import torch


def causal_mask(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """(T, S): each of T queries sees itself and what came before; they are the last of S."""
    T, S = q.shape[-2], k.shape[-2]
    return torch.ones(T, S, dtype=torch.bool, device=q.device).tril(diagonal=S - T)


def combine(causal: torch.Tensor | None, mask: torch.Tensor | None) -> torch.Tensor | None:
    """What both masks allow; None where neither forbids anything."""
    if causal is None or mask is None:
        return mask if causal is None else causal
    return causal & mask
