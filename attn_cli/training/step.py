"""One optimizer step, apart from the loop.

Shapes: B batch, T time (characters), V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.nn import functional as F

from attn_cli.training.optimizer import Optimizer
from attn_cli.training.precision import WorkingModel


def train_step(
    working: WorkingModel,
    optimizers: Sequence[Optimizer],
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    done: int,
    micro_batch: int,
    learning_rate_share: float,
    grad_clip: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients of one batch, clipped and applied.

    Args:
        working: The model that computes, and the one that learns.
        optimizers: They move the one that learns.
        x: Characters, (B, T) of int64.
        y: The characters that follow them, (B, T).
        done: Steps before this one.
        micro_batch: Sequences in memory at once; divides B.
        learning_rate_share: The step size, as a share of the highest.
        grad_clip: The longest gradient applied as it is; 0 for no limit.

    Returns:
        The mean loss in nats per character and the length of the gradient before
        clipping, both still on the device, so that nothing waits for them.
    """
    pieces = x.shape[0] // micro_batch
    total = torch.zeros((), device=x.device)
    for piece_x, piece_y in zip(x.chunk(pieces), y.chunk(pieces), strict=True):
        loss = mean_loss(working.trained(piece_x), piece_y) / pieces
        loss.backward()  # type: ignore[no-untyped-call]
        working.collect_gradients()
        total += loss.detach()
    norm = torch.nn.utils.clip_grad_norm_(working.master.parameters(), grad_clip or math.inf)
    for optimizer in optimizers:
        optimizer.step(done, learning_rate_share)
    for parameter in working.master.parameters():
        parameter.grad = None
    working.refresh()
    return total, norm


def mean_loss(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy in nats per character of y (B, T) under logits (B, T, V), in fp32."""
    return F.cross_entropy(logits.float().flatten(0, 1), y.flatten())
