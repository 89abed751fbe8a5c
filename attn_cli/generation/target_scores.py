"""How probable targets are, given their sources: all of their characters in one pass.

Shapes: B targets, S source, T target, V vocabulary.
"""

from collections.abc import Sequence

import numpy as np
import torch

from attn_cli.generation.source_model import mean_log_probabilities
from attn_cli.model.encoder_decoder import EncoderDecoder


@torch.inference_mode()
def target_log_probs(
    models: Sequence[EncoderDecoder],
    source_ids: torch.Tensor,
    source_mask: torch.Tensor | None,
    targets: Sequence[Sequence[int]],
    newline_id: int,
) -> list[float]:
    """The natural log-probability of each target with its end, by the models' mean probabilities.

    Args:
        models: In evaluation mode.
        source_ids: The source of each target, (B, S), padded.
        source_mask: Where there is a source and no padding, (B, 1, 1, S); everywhere where None.
        targets: Ids without an end; one as long as the context has none.
        newline_id: The id that begins and ends a target.
    """
    T = min(max(map(len, targets)) + 1, *(model.config.block_size for model in models))
    ids = torch.full((len(targets), T + 1), newline_id)
    predicted = torch.zeros(len(targets), T, dtype=torch.bool)
    for row, target in enumerate(targets):
        ids[row, 1 : len(target) + 1] = torch.tensor(target, dtype=torch.int64)
        predicted[row, : len(target) + 1] = True
    inputs, expected = ids[:, :-1].to(source_ids.device), ids[:, 1:]
    log_probs = mean_log_probabilities(
        [
            model(inputs, source_ids, source_mask=source_mask).float().cpu().numpy()
            for model in models
        ]
    )  # (B, T, V)
    of_expected = np.take_along_axis(log_probs, expected.numpy()[..., None], axis=-1)[..., 0]
    sums: list[float] = np.where(predicted.numpy(), of_expected, 0.0).sum(axis=1).tolist()
    return sums
