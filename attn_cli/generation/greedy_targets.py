"""The targets that encoder-decoders write for some sources: the most probable characters.

The fast way of an evaluation; `Translator` writes the same, with all that a user may ask for.

Shapes: B sources of a batch, S source, T target, V vocabulary.
"""

import math
from collections.abc import Sequence

import torch

from attn_cli.model.encoder_decoder import EncoderDecoder


@torch.inference_mode()
def greedy_targets(
    models: Sequence[EncoderDecoder],
    source_ids: torch.Tensor,
    source_mask: torch.Tensor | None,
    *,
    newline_id: int,
) -> list[list[int]]:
    """The ids of the target of each source, without its end; at most what fits into the context.

    Args:
        models: In evaluation mode; of several the mean of their probabilities decides.
        source_ids: (B, S), each with a newline at its end.
        source_mask: Where there is a source character and not padding, (B, 1, 1, S); everywhere
            where None.
        newline_id: The id that begins and ends a target.
    """
    batch = len(source_ids)
    decoders = [
        (model, model.encode(source_ids, source_mask=source_mask), model.new_cache(batch))
        for model in models
    ]
    block_size = min(model.config.block_size for model in models)
    ids = source_ids.new_full((batch, 1), newline_id)
    written: list[torch.Tensor] = []
    unfinished = torch.ones(batch, dtype=torch.bool, device=ids.device)
    while len(written) < block_size and bool(unfinished.any()):
        logits = [
            model.decode(ids, encoded, source_mask=source_mask, cache=cache)[:, -1]  # (B, V)
            for model, encoded, cache in decoders
        ]
        ids = ensemble_logits(logits).argmax(dim=-1, keepdim=True)  # (B, 1)
        written.append(ids[:, 0])
        unfinished &= ids[:, 0] != newline_id
    rows = torch.stack(written, dim=1).tolist()  # (B, T)
    return [row[: row.index(newline_id)] if newline_id in row else row for row in rows]


def ensemble_logits(logits: Sequence[torch.Tensor]) -> torch.Tensor:
    """The logits of one model, or the logarithms of the mean probabilities of several, (..., V)."""
    if len(logits) == 1:
        return logits[0]
    log_probs = torch.stack(list(logits)).float().log_softmax(dim=-1)
    return log_probs.logsumexp(dim=0) - math.log(len(logits))
