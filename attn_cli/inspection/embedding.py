"""A vector for each text: the hidden states of its characters, pooled.

Shapes: N texts, T time (characters), C channels = n_embd, L layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from attn_cli.errors import InputError
from attn_cli.inspection.forward_pass import forward_pass

if TYPE_CHECKING:
    from attn_cli.runs.loaded_model import LoadedModel

POOLS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {  # (T, C) -> (C,)
    "mean": lambda hidden: hidden.mean(dim=0),
    "last": lambda hidden: hidden[-1],
    "max": lambda hidden: hidden.amax(dim=0),
}


def embed(
    loaded: LoadedModel, texts: Sequence[str], pool: str = "mean", layer: int | None = None
) -> NDArray[np.float32]:
    """The vectors of N texts, (N, C).

    Args:
        loaded: The model.
        texts: Each of at most `block_size` characters.
        pool: `mean`, `last` or `max`, over the T characters of a text.
        layer: After which block, from 1; 0 for before the first. None for after the final norm.

    Raises:
        InputError: A text does not fit the model, or there is no such layer or pool.
    """
    if pool not in POOLS:
        raise InputError(f"`pool` {pool!r} is none of {', '.join(POOLS)}")
    n_layer = loaded.config.model.n_layer
    if layer is not None and layer not in range(n_layer + 1):
        raise InputError(
            f"`layer` {layer!r} is not from 0 to {n_layer}", "leave it out for the final norm"
        )
    vectors = np.empty((len(texts), loaded.config.model.n_embd), np.float32)
    for index, text in enumerate(texts):
        try:
            ids = loaded.encode_prompt(text)
        except InputError as error:
            raise type(error)(f"`texts[{index}]`: {error.message}", error.hint) from None
        forward = forward_pass(loaded.model, ids)
        hidden = forward["final norm"] if layer is None else forward.residual_stream[layer]
        vectors[index] = POOLS[pool](hidden).numpy(force=True)
    return vectors
