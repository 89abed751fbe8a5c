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
from attn_cli.inspection.hidden_characters import HiddenCharacters, without_mask
from attn_cli.model.stack import Stack


@dataclass(frozen=True)
class LayerPredictions:
    """The logit lens of a text of T characters: of a decoder after each of them.

    Of an encoder, at N of them that were hidden: those in `hidden`, by their positions.
    """

    characters: Sequence[str]  # the text
    layers: Sequence[str]  # the name of each of L + 1 places, "embedding" first
    predictions: Sequence[Sequence[str]]  # the most probable character, [character][layer]
    probabilities: Sequence[Sequence[float]]  # its probability, [character][layer]
    surprisal_bits: Sequence[Sequence[float]]  # of the character that came; none where not known
    hidden: Sequence[int] | None = None  # None of a decoder


def layer_predictions(
    seen: ForwardPass | HiddenCharacters, symbols: Sequence[str]
) -> LayerPredictions:
    """What each layer would predict, by the symbol of each id."""
    if isinstance(seen, HiddenCharacters):
        lens, hidden = hidden_lens(seen), seen.positions
        asked = [seen.ids[t] for t in hidden] if seen.known else []
        bits = _surprisal_bits(lens[:, : len(asked)], asked)
    else:
        lens, hidden = logit_lens(seen), None
        bits = surprisal_bits(lens, seen.ids)
    probabilities, top_ids = (each.T.tolist() for each in lens.exp().max(dim=-1))  # (N, L + 1)
    return LayerPredictions(
        [symbols[id_] for id_ in seen.ids],
        ["embedding", *(f"layer {number}" for number in range(1, len(lens)))],
        [[symbols[id_] for id_ in row] for row in top_ids],
        probabilities,
        bits.T.tolist(),
        hidden,
    )


def logit_lens(activations: ForwardPass) -> torch.Tensor:
    """Log-probabilities (natural) of the next character, (L + 1, T, V).

    Read before the first layer and after each; the last are the model's own predictions.
    """
    return _logits(activations.model, activations.residual_stream).log_softmax(dim=-1)


def hidden_lens(seen: HiddenCharacters) -> torch.Tensor:
    """The same of each character where one is hidden, (L + 1, N, V)."""
    logits = _logits(seen.passes[0].model, seen.residual_stream)
    return without_mask(logits, seen.mask_id).log_softmax(dim=-1)


@torch.no_grad()
def _logits(model: Stack, stream: torch.Tensor) -> torch.Tensor:
    """The logits (L + 1, T, V) of a residual stream (L + 1, T, C)."""
    logits: torch.Tensor = model.head(model.final_norm(stream))
    return logits.float()


def surprisal_bits(lens: torch.Tensor, ids: tuple[int, ...]) -> torch.Tensor:
    """The surprisal of each next character in bits, (L + 1, T - 1), of a lens (L + 1, T, V)."""
    return _surprisal_bits(lens[:, :-1], ids[1:])


def _surprisal_bits(lens: torch.Tensor, came: Sequence[int]) -> torch.Tensor:
    """The surprisal in bits of what came, (L + 1, N), of a lens (L + 1, N, V)."""
    ids = torch.tensor(came, dtype=torch.int64, device=lens.device)  # (N,)
    index = ids.expand(len(lens), -1)[..., None]  # (L + 1, N, 1)
    return -lens.gather(-1, index)[..., 0] / math.log(2)
