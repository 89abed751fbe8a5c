"""The logit lens: what the model would say if it stopped after each layer.

The stream after a layer is read as if it were the last one's, through the final norm and
the head (nostalgebraist 2020, "interpreting GPT: the logit lens").

Shapes: T time (characters), C channels = n_embd, V vocabulary, L layers.
"""

from __future__ import annotations

import math

import torch

from attn_cli.inspection.forward_pass import ForwardPass


@torch.no_grad()
def logit_lens(seen: ForwardPass) -> torch.Tensor:
    """Log-probabilities of the next character, (L + 1, T, V): before the first layer, after each.

    The last of them are the model's own.
    """
    model = seen.model
    logits: torch.Tensor = model.head(model.final_norm(seen.streams))  # (L + 1, T, V)
    return logits.float().log_softmax(dim=-1)


def surprises(lens: torch.Tensor, ids: tuple[int, ...]) -> torch.Tensor:
    """The bits of each next character after each layer, (L + 1, T - 1), from (L + 1, T, V)."""
    following = torch.tensor(ids[1:], dtype=torch.int64, device=lens.device)  # (T - 1,)
    index = following.expand(len(lens), -1)[..., None]  # (L + 1, T - 1, 1)
    return -lens[:, :-1].gather(-1, index)[..., 0] / math.log(2)
