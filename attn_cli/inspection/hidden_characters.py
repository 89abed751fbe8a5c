"""What an encoder is asked about a text: which character stands where one is hidden.

Shapes: T time (characters), N hidden characters, C channels = n_embd, V vocabulary, L layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch.nn import functional as F

from attn_cli.inspection.forward_pass import ForwardPass, forward_pass
from attn_cli.model.stack import Stack
from attn_cli.runs.loaded_model import LoadedModel


@dataclass(frozen=True, eq=False)
class HiddenCharacters:
    """An encoder at each hidden character of a text.

    A text with blanks is read once. Of one without, each character is hidden in turn, alone.

    Attributes:
        ids: The text, T of them.
        positions: Which characters are hidden, N of them.
        passes: The forward pass in which each of them is.
        mask_id: Stands for a hidden character.
    """

    ids: tuple[int, ...]
    positions: tuple[int, ...]
    passes: Sequence[ForwardPass]
    mask_id: int

    @property
    def known(self) -> bool:
        """Whether it is known what was hidden."""
        return self.mask_id not in self.ids

    @cached_property
    def residual_stream(self) -> torch.Tensor:
        """The residual stream at each hidden character, (L + 1, N, C)."""
        at_each = zip(self.passes, self.positions, strict=True)
        return torch.stack([each.residual_stream[:, t] for each, t in at_each], dim=1)

    @cached_property
    def log_probs(self) -> torch.Tensor:
        """The log-probability (natural) of each character where one is hidden, (N, V)."""
        at_each = zip(self.passes, self.positions, strict=True)
        logits = torch.stack([each["logits"][t] for each, t in at_each])  # (N, V)
        return without_mask(logits, self.mask_id).log_softmax(dim=-1)

    @cached_property
    def losses(self) -> torch.Tensor:
        """The cross-entropy of each character that was hidden, (N,) in nats; N = 0 of blanks."""
        if not self.known:
            return self.log_probs.new_empty(0)
        targets = torch.tensor([self.ids[t] for t in self.positions], device=self.log_probs.device)
        return F.nll_loss(self.log_probs, targets, reduction="none")


def hidden_characters(
    model: Stack, ids: Sequence[int], mask_id: int, first: int = 0
) -> HiddenCharacters:
    """Runs a text of T ids, with blanks or without, through an encoder.

    Args:
        model: An encoder.
        ids: The text, at most `block_size`; `mask_id` where there is a blank.
        mask_id: Stands for a hidden character.
        first: How many characters at the beginning are never hidden.
    """
    ids = tuple(ids)
    blanks = tuple(position for position, id_ in enumerate(ids) if id_ == mask_id)
    if blanks:
        return HiddenCharacters(ids, blanks, [forward_pass(model, ids)] * len(blanks), mask_id)
    positions = tuple(range(first, len(ids)))
    passes = [forward_pass(model, (*ids[:t], mask_id, *ids[t + 1 :])) for t in positions]
    return HiddenCharacters(ids, positions, passes, mask_id)


def predict_text(loaded: LoadedModel, ids: Sequence[int]) -> ForwardPass | HiddenCharacters:
    """What a decoder predicts after each character of a text, or an encoder of hidden ones."""
    mask_id = loaded.tokenizer.mask_id
    if mask_id is None:
        return forward_pass(loaded.model, ids)
    return hidden_characters(loaded.model, ids, mask_id, len(loaded.line_beginning))


def without_mask(logits: torch.Tensor, mask_id: int) -> torch.Tensor:
    """Logits (..., V) in which the symbol of a hidden character cannot be what was hidden."""
    return logits.float().index_fill(-1, torch.tensor(mask_id, device=logits.device), -torch.inf)
