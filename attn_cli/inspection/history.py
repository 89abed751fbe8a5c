"""How a model came to be what it is: one text, seen by each checkpoint that a run kept.

Shapes: T time (characters), H heads, V vocabulary, L layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.runs.checkpoint import read_checkpoint
from attn_cli.runs.folder import RunFolder
from attn_cli.runs.metrics import read_metrics


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What one checkpoint made of a text.

    Attributes:
        step: Of the checkpoint.
        val_loss: Measured then, in nats per character; None where it was not evaluated.
        weights: The attention of every head, (L, H, T, T).
        losses: Of each character of the text but the first, (T - 1,) in nats.
        next_odds: The odds of each character to come after the text, (V,).
        sample: What it wrote at its evaluation; empty where it did not.
    """

    step: int
    val_loss: float | None
    weights: torch.Tensor
    losses: torch.Tensor
    next_odds: torch.Tensor
    sample: str


def snapshots(folder: RunFolder, ids: Sequence[int]) -> Iterator[Snapshot]:
    """A text of T ids as each checkpoint of a run sees it, the oldest first.

    Raises:
        CheckpointError: One of them is damaged.
    """
    val_losses = {line.step: line.val_loss for line in read_metrics(folder.metrics)}
    for path in reversed(folder.step_folders()):
        checkpoint = read_checkpoint(path)
        seen = forward_pass(checkpoint.load_model(), ids)
        step = checkpoint.state.step
        yield Snapshot(
            step,
            val_losses.get(step),
            seen.weights,
            seen.losses,
            seen["logits"][-1].softmax(-1),
            folder.sample(step),
        )
