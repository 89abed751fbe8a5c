"""The loss of an encoder-decoder on a batch of pairs, by teacher forcing.

Shapes: B pairs, S source, T target, V vocabulary.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from attn_cli.text.batches import IGNORE_INDEX, Batch


def pair_loss(model: torch.nn.Module, batch: Batch, smoothing: float = 0.0) -> tuple[Tensor, int]:
    """The cross-entropy of targets in nats, as a sum in fp32, of shape (), and their number.

    Each character is predicted from the source and the target's own characters before it
    (Williams & Zipser 1989: teacher forcing).

    Args:
        model: An encoder-decoder; may be wrapped or compiled.
        batch: Of pairs.
        smoothing: Probability that is spread over all characters (Szegedy et al. 2016, section 7).
    """
    logits = model(batch.inputs, batch.source, source_mask=batch.mask)  # (B, T, V)
    loss = F.cross_entropy(
        logits.float().flatten(0, 1),  # (B * T, V)
        batch.targets.flatten(),  # (B * T,)
        ignore_index=IGNORE_INDEX,
        label_smoothing=smoothing,
        reduction="sum",
    )
    return loss, batch.target_count
