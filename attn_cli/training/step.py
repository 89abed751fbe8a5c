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
from attn_cli.training.precision import MixedPrecisionModel


@dataclass(frozen=True)
class StepResult:
    """What a step measured.

    Attributes:
        loss: Mean loss of the batch, nats per character.
        grad_norm: Global gradient norm, before clipping.
        applied: Whether the weights were updated: not where one of the two is not finite.
    """

    loss: float
    grad_norm: float
    applied: bool


def train_step(
    mp_model: MixedPrecisionModel,
    optimizers: Sequence[Optimizer],
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    step: int,
    micro_batch: int,
    lr_scale: float,
    grad_clip: float,
    world: World = SINGLE_PROCESS,
) -> StepResult:
    """One optimizer step: gradients of a batch, clipped and applied.

    Where the loss or the gradient is not finite, the step is skipped: neither the weights nor
    the optimizer state change.

    Args:
        mp_model: The model to train.
        optimizers: They update its master weights.
        x: Characters, (B, T) of int64; of this process's part of the batch.
        y: The characters that follow them, (B, T).
        step: Steps before this one.
        micro_batch: Sequences per forward and backward pass; divides B.
        lr_scale: The learning rate as a fraction of each optimizer's peak.
        grad_clip: Maximum global gradient norm; 0 disables clipping.
        world: The processes that have the other parts of the batch.
    """
    pieces = x.shape[0] // micro_batch
    total = torch.zeros((), device=x.device)
    for number, (piece_x, piece_y) in enumerate(zip(x.chunk(pieces), y.chunk(pieces), strict=True)):
        with mp_model.micro_batch(last=number == pieces - 1):
            loss = mean_loss(mp_model.forward_model(piece_x), piece_y) / pieces
            loss.backward()  # type: ignore[no-untyped-call]
        total += loss.detach()
    grad_norm = mp_model.clip_grad_norm(grad_clip)
    # On a GPU this waits for the device: the price of never applying one that is not finite.
    mean, norm = torch.stack((world.all_reduce_mean(total), grad_norm)).tolist()
    applied = math.isfinite(mean) and math.isfinite(norm)
    if applied:
        for optimizer in optimizers:
            optimizer.step(step, lr_scale)
    for parameter in mp_model.master.parameters():
        parameter.grad = None
    if applied:
        mp_model.copy_master_to_compute()
    return StepResult(mean, norm, applied)


def mean_loss(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy in nats per character of y (B, T) under logits (B, T, V), in fp32."""
    return F.cross_entropy(logits.float().flatten(0, 1), y.flatten())
