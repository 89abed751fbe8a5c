"""One optimizer step, apart from the loop.

Shapes: B batch, T time (characters), V vocabulary.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from attn_cli.objectives.text_objective import token_loss
from attn_cli.text.batches import Batch
from attn_cli.training.distributed.world import SINGLE_PROCESS, World
from attn_cli.training.optimizer import Optimizer
from attn_cli.training.precision import MixedPrecisionModel

# The loss of a micro-batch: its sum, of shape (), and how many targets it is over.
LossFunction = Callable[[torch.nn.Module, Batch], tuple[torch.Tensor, int]]


@dataclass(frozen=True)
class StepResult:
    """What a step measured."""

    loss: float  # mean loss of the batch, nats per character
    grad_norm: float  # global gradient norm, before clipping
    chars: int  # characters learned from, of all processes
    applied: bool  # whether the weights were updated: not where one of the two is not finite


def train_step(
    mp_model: MixedPrecisionModel,
    optimizers: Sequence[Optimizer],
    batch: Batch,
    *,
    step: int,
    micro_batch: int,
    lr_scale: float,
    grad_clip: float,
    loss_function: LossFunction = token_loss,
    world: World = SINGLE_PROCESS,
) -> StepResult:
    """One optimizer step: the gradient of the mean loss of a batch, clipped and applied.

    The mean is over all targets of the batch, however they are spread over micro-batches and
    processes. Where the loss or the gradient is not finite, the step is skipped:
    neither the weights nor the optimizer state change.

    Args:
        mp_model: The model to train.
        optimizers: They update its master weights.
        batch: This process's part of the batch, B sequences.
        step: Steps before this one.
        micro_batch: Sequences per forward and backward pass.
        lr_scale: The learning rate as a fraction of each optimizer's peak.
        grad_clip: Maximum global gradient norm; 0 disables clipping.
        loss_function: The objective's: the loss of a micro-batch as (sum, count).
        world: The processes that have the other parts of the batch.
    """
    device = batch.inputs.device
    # Of all processes. In double precision, which has every whole number up to 2 ** 53.
    own_counts = torch.tensor([batch.target_count, batch.char_count], dtype=torch.float64)
    count, chars = world.all_reduce_sum(own_counts).tolist()
    micro_batches = list(batch.split(micro_batch))
    total = torch.zeros((), device=device)
    for number, part in enumerate(micro_batches, start=1):
        with mp_model.micro_batch(last=number == len(micro_batches)):
            loss_sum, _ = loss_function(mp_model.forward_model, part)
            # Gradients will be averaged over the processes, of which each has a share of the count.
            loss = loss_sum / (count / world.world_size)
            loss.backward()
        total += loss.detach()
    grad_norm = mp_model.clip_grad_norm(grad_clip)
    # On a GPU this waits for the device: the price of never applying one that is not finite.
    mean_over_processes = world.all_reduce_sum(total) / world.world_size
    mean, norm = torch.stack((mean_over_processes, grad_norm)).tolist()
    applied = math.isfinite(mean) and math.isfinite(norm)
    if applied:
        for optimizer in optimizers:
            optimizer.step(step, lr_scale)
    for parameter in mp_model.master.parameters():
        parameter.grad = None
    if applied:
        mp_model.copy_master_to_compute()
    return StepResult(mean, norm, int(chars), applied)
