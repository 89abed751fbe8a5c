"""The logit lens: what the model would predict if it stopped after each layer.

The residual stream after a layer is sent through the final norm and the output head, as if
that layer were the last (nostalgebraist 2020, "interpreting GPT: the logit lens").

Shapes: T time (characters), C channels = n_embd, V vocabulary, L layers.
"""

from __future__ import annotations

import math

import torch

from attn_cli.inspection.forward_pass import ForwardPass


@torch.no_grad()
def logit_lens(activations: ForwardPass) -> torch.Tensor:
    """Log-probabilities (natural) of the next character, (L + 1, T, V).

    Read before the first layer and after each; the last are the model's own predictions.
    """
    model, stream = activations.model, activations.residual_stream  # (L + 1, T, C)
    logits: torch.Tensor = model.head(model.final_norm(stream))  # (L + 1, T, V)
    return logits.float().log_softmax(dim=-1)


def surprisal_bits(lens: torch.Tensor, ids: tuple[int, ...]) -> torch.Tensor:
    """The surprisal of each next character in bits, (L + 1, T - 1), of a lens (L + 1, T, V)."""
    following = torch.tensor(ids[1:], dtype=torch.int64, device=lens.device)  # (T - 1,)
    index = following.expand(len(lens), -1)[..., None]  # (L + 1, T - 1, 1)
    return -lens[:, :-1].gather(-1, index)[..., 0] / math.log(2)
