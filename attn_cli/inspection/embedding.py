"""Vectors of texts and of their characters: the hidden states of a model, whatever its task.

Shapes: N texts, B batch, T time (characters), C channels = n_embd, L layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from attn_cli.errors import InputError
from attn_cli.text.padded_texts import padded_batches

if TYPE_CHECKING:
    from attn_cli.model.stack import Stack
    from attn_cli.runs.loaded_model import LoadedModel

Level: TypeAlias = Literal["text", "char"]
Pool: TypeAlias = Literal["mean", "last", "max"]
Vectors: TypeAlias = NDArray[np.float32]

_POOLS: dict[Pool, Callable[[Vectors], Vectors]] = {  # (T, C) -> (C,)
    "mean": lambda hidden: hidden.mean(axis=0),
    "last": lambda hidden: hidden[-1],
    "max": lambda hidden: hidden.max(axis=0),
}


class Embedder:
    """Turns texts into vectors.

    Args:
        loaded: The model: a decoder, an encoder or a classifier.
        level: `text` for a vector for each text, `char` for one for each of its characters.
        layer: After which block, from 1; 0 for before the first. None for after the last block
            and the final norm.
        pool: How the vectors of a text's characters become one: `mean`, also where None, `last`
            or `max`. None with level `char`.
        model: The torch model, in evaluation mode; that of `loaded` where None.

    Raises:
        InputError: There is no such level, layer or pool, or the model is an encoder-decoder.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        level: Level = "text",
        layer: int | None = None,
        pool: Pool | None = None,
        *,
        model: Stack | None = None,
    ) -> None:
        loaded.require(("lm", "mlm", "classify"), "embedding texts")
        _check(level, layer, pool, loaded.config.model.n_layer)
        self.loaded = loaded
        self.level: Level = level
        self.layer = layer
        self.pool: Pool | None = (pool or "mean") if level == "text" else None
        self._model = loaded.model if model is None else model

    def __call__(self, texts: Sequence[Sequence[int]]) -> list[Vectors]:
        """The vectors of N texts: of each (C,), or (T, C) with level `char`.

        Args:
            texts: The ids of each, without the newline that a line begins with. That is added,
                and pooled with the characters, as a classifier does; an empty text of a model of
                a stream is the beginning of a document.
        """
        loaded = self.loaded
        whole = [(*loaded.line_beginning, *ids) or (loaded.bos_id,) for ids in texts]
        states = hidden_states(self._model, whole, self.layer)
        if self.pool is not None:
            return list(map(_POOLS[self.pool], states))
        return [all_[len(all_) - len(ids) :] for all_, ids in zip(states, texts, strict=True)]


@torch.no_grad()
def hidden_states(
    model: Stack, texts: Sequence[Sequence[int]], layer: int | None = None
) -> list[Vectors]:
    """The hidden states of N texts, (T, C) each, computed in padded batches of similar lengths.

    Args:
        model: In evaluation mode.
        texts: Their ids, at least one and at most `block_size` each.
        layer: After which block, from 1; 0 for before the first. None for after the final norm.
    """
    device = model.token_embedding.weight.device
    states: dict[int, Vectors] = {}
    for indices, ids, mask in padded_batches(texts):
        mask = None if mask is None else mask.to(device)
        hidden = model.hidden(ids.to(device), mask=mask, layer=layer)  # (B, T, C)
        for index, vectors in zip(indices, hidden.numpy(force=True), strict=True):
            states[index] = vectors[: len(texts[index])]
    return [states[index] for index in range(len(texts))]


def _check(level: str, layer: int | None, pool: str | None, n_layer: int) -> None:
    if level not in get_args(Level):
        raise InputError(f"`level` {level!r} is none of {', '.join(get_args(Level))}")
    if pool is not None and pool not in _POOLS:
        raise InputError(f"`pool` {pool!r} is none of {', '.join(_POOLS)}")
    if level == "char" and pool is not None:
        raise InputError(
            f"`pool` {pool} makes one vector of a text's, and `level` char keeps all of them",
            "leave one of the two out",
        )
    if layer is not None and layer not in range(n_layer + 1):
        raise InputError(
            f"`layer` {layer!r} is not from 0 to {n_layer}", "leave it out for the final norm"
        )
