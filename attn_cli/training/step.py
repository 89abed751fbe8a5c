"""One optimizer step, apart from the loop.

Shapes: B batch, T time (characters), V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from attn_cli.training.distributed.world import SINGLE_PROCESS, World
from attn_cli.training.optimizer import Optimizer
from attn_cli.training.precision import WorkingModel


@dataclass(frozen=True)
class Outcome:
    """What came of a step.

    Attributes:
        loss: Mean loss of its batch, nats per character.
        norm: Length of the gradient, before clipping.
        applied: Whether the weights moved: not where one of the two is no number.
    """

    loss: float
    norm: float
    applied: bool


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
    world: World = SINGLE_PROCESS,
) -> Outcome:
    """Gradients of one batch, clipped and applied.

    Where the loss or the gradient is not a finite number, nothing moves: neither the
    weights nor what the optimizers remember.

    Args:
        working: The model that computes, and the one that learns.
        optimizers: They move the one that learns.
        x: Characters, (B, T) of int64; of this process's part of the batch.
        y: The characters that follow them, (B, T).
        done: Steps before this one.
        micro_batch: Sequences in memory at once; divides B.
        learning_rate_share: The step size, as a share of the highest.
        grad_clip: The longest gradient applied as it is; 0 for no limit.
        world: The processes that have the other parts of the batch.
    """
    pieces = x.shape[0] // micro_batch
    total = torch.zeros((), device=x.device)
    for number, (piece_x, piece_y) in enumerate(zip(x.chunk(pieces), y.chunk(pieces), strict=True)):
        with working.piece(last=number == pieces - 1):
            loss = mean_loss(working.trained(piece_x), piece_y) / pieces
            loss.backward()  # type: ignore[no-untyped-call]
        total += loss.detach()
    norm = working.clip_gradients(grad_clip)
    # On a GPU this waits for the device: the price of never applying a step that is broken.
    loss, length = torch.stack((world.all_reduce_mean(total), norm)).tolist()
    applied = math.isfinite(loss) and math.isfinite(length)
    if applied:
        for optimizer in optimizers:
            optimizer.step(done, learning_rate_share)
    for parameter in working.master.parameters():
        parameter.grad = None
    if applied:
        working.refresh()
    return Outcome(loss, length, applied)


def mean_loss(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy in nats per character of y (B, T) under logits (B, T, V), in fp32."""
    return F.cross_entropy(logits.float().flatten(0, 1), y.flatten())
