"""One optimizer step, apart from the loop.

Shapes: B batch, T time (characters), V vocabulary.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from attn_cli.model.transformer import Transformer
from attn_cli.training.precision import Precision


def loss_of(
    model: Transformer, x: torch.Tensor, y: torch.Tensor, precision: Precision
) -> torch.Tensor:
    """Mean cross-entropy in nats per character of y (B, T) after x (B, T), in fp32."""
    with precision.autocast():
        logits = model(x)  # (B, T, V)
    return F.cross_entropy(logits.float().flatten(0, 1), y.flatten())


def train_step(
    model: Transformer,
    optimizer: torch.optim.Optimizer,
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    micro_batch: int,
    learning_rate: float,
    grad_clip: float,
    precision: Precision,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients of one batch, clipped and applied.

    Args:
        x: Characters, (B, T) of int64.
        y: The characters that follow them, (B, T).
        micro_batch: Sequences in memory at once; divides B.
        learning_rate: The step size.
        grad_clip: The longest gradient applied as it is; 0 for no limit.
        precision: The number format of the products.

    Returns:
        The mean loss in nats per character and the length of the gradient before
        clipping, both still on the device, so that nothing waits for them.
    """
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    pieces = x.shape[0] // micro_batch
    total = torch.zeros((), device=x.device)
    for piece_x, piece_y in zip(x.chunk(pieces), y.chunk(pieces), strict=True):
        loss = loss_of(model, piece_x, piece_y, precision) / pieces
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.detach()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), grad_clip or float("inf"))
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return total, norm
