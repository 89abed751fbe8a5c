"""The logit lens: what the model would predict if it stopped after each layer.

The residual stream after a layer is sent through the final norm and the output head, as if
that layer were the last (nostalgebraist 2020, "interpreting GPT: the logit lens").

Shapes: T time (characters), C channels = n_embd, V vocabulary, L layers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from attn_cli.inspection.forward_pass import ForwardPass


@dataclass(frozen=True)
class LayerPredictions:
    """The logit lens of a text of T characters."""

    characters: Sequence[str]  # the text
    layers: Sequence[str]  # the name of each of L + 1 places, "embedding" first
    predictions: Sequence[Sequence[str]]  # the most probable next character, [character][layer]
    probabilities: Sequence[Sequence[float]]  # its probability, [character][layer]
    surprisal_bits: Sequence[Sequence[float]]  # of the next character that came; none for the last


def layer_predictions(activations: ForwardPass, symbols: Sequence[str]) -> LayerPredictions:
    """What each layer would predict after each character, by the symbol of each id."""
    lens = logit_lens(activations)
    probabilities, top_ids = (each.T.tolist() for each in lens.exp().max(dim=-1))  # (T, L + 1)
    return LayerPredictions(
        [symbols[id_] for id_ in activations.ids],
        ["embedding", *(f"layer {number}" for number in range(1, len(lens)))],
        [[symbols[id_] for id_ in row] for row in top_ids],
        probabilities,
        surprisal_bits(lens, activations.ids).T.tolist(),
    )


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
