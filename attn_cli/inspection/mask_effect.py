"""What the causal mask keeps from a decoder, measured on a text.

Shapes: T time (characters), H heads, L layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attn_cli.inspection.forward_pass import ForwardPass, forward_pass
from attn_cli.model.stack import Stack


@dataclass(frozen=True)
class MaskEffect:
    """How a text fares with the mask and without it."""

    future_share: float  # of the attention without the mask, what goes to later characters, 0 to 1
    loss: float | None  # in nats per character, with the mask; None for a single character
    loss_without_mask: float | None

    def sentence(self, unit: str) -> str:
        """What changes, for the terminal."""
        changes = (
            "Without the causal mask each row still sums to 1, and "
            f"{self.future_share:.0%} of all attention goes to {unit}s that come later."
        )
        if self.loss is None:
            return changes
        return (
            f"{changes} The loss, {self.loss:.2f} nats per {unit} with the mask and "
            f"{self.loss_without_mask:.2f} without it, means nothing then: each {unit} that is to "
            "be predicted is in sight, and the model was never trained to see it."
        )


def mask_effect(model: Stack, ids: Sequence[int], without: ForwardPass) -> MaskEffect:
    """What changes when the mask is taken away.

    Args:
        model: A decoder.
        ids: The text.
        without: Its forward pass without the mask.
    """
    attention = without.attention.float().cpu().numpy()  # (L, H, T, T)
    share = float(np.triu(attention, 1).sum(axis=-1).mean())
    if len(ids) < 2:
        return MaskEffect(share, None, None)
    return MaskEffect(
        share, float(forward_pass(model, ids).losses.mean()), float(without.losses.mean())
    )
