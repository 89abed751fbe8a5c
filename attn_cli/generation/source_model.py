"""Next-token logits of targets, given a source for each: an encoder-decoder, or several together.

Shapes: N sources, B targets, S source, T new ids, H heads, D head size, C channels, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from attn_cli.generation.next_token_model import NextTokenModel
from attn_cli.generation.numpy_model import Integers
from attn_cli.generation.sampling import Floats, log_probabilities
from attn_cli.model.cache import KVCache
from attn_cli.model.encoder_decoder import EncoderDecoder


@dataclass(eq=False)
class SourceCache:
    """What is known of B targets that have the same length so far, and of their sources."""

    encoded: torch.Tensor  # hidden states of the source of each, (B, S, C)
    mask: torch.Tensor | None  # where these are no padding, (B, 1, 1, S)
    kv: KVCache  # the model's own


class SourceModel:
    """The `NextTokenModel` of an encoder-decoder and some sources, which are encoded once.

    Target number i belongs to source number i, until `select_rows` says otherwise.

    Args:
        model: In evaluation mode.
        source_ids: The sources, each with the newline at its end, (N, S), padded.
        source_mask: Where there is a source and no padding, (N, 1, 1, S); everywhere where None.
    """

    @torch.inference_mode()
    def __init__(
        self, model: EncoderDecoder, source_ids: torch.Tensor, source_mask: torch.Tensor | None
    ) -> None:
        self.config = model.config
        self.vocab_size = model.vocab_size
        self._model = model
        self._mask = source_mask
        self._encoded = model.encode(source_ids, source_mask=source_mask)  # (N, S, C)

    @torch.inference_mode()
    def new_cache(self, batch: int = 1, max_length: int | None = None) -> SourceCache:
        """An empty cache of the first B targets, of up to `max_length` ids, or `block_size`."""
        mask = None if self._mask is None else self._mask[:batch]
        return SourceCache(self._encoded[:batch], mask, self._model.new_cache(batch, max_length))

    @torch.inference_mode()
    def forward(self, ids: Integers, cache: SourceCache) -> NDArray[np.float32]:
        """The logits after the last of new ids (B, T), which are added to the cache: (B, V)."""
        inputs = torch.as_tensor(ids, device=self._encoded.device)
        logits = self._model.decode(inputs, cache.encoded, source_mask=cache.mask, cache=cache.kv)
        result: NDArray[np.float32] = logits[:, -1].float().cpu().numpy()
        return result

    def copy_rows(
        self, cache: SourceCache, rows: Sequence[int], other: SourceCache, row: int
    ) -> None:
        """Replaces these rows of a cache by one row of another cache of the same length."""
        for layer, source in zip(cache.kv.layers, other.kv.layers, strict=True):
            layer.length = source.length
            layer.keys[list(rows), :, : layer.length] = source.keys[row, :, : layer.length]
            layer.values[list(rows), :, : layer.length] = source.values[row, :, : layer.length]

    @torch.inference_mode()
    def select_rows(self, cache: SourceCache, rows: Sequence[int]) -> None:
        """Keeps these rows of a cache, in this order; a row may come more than once."""
        chosen = list(rows)
        cache.encoded = cache.encoded[chosen]
        cache.mask = None if cache.mask is None else cache.mask[chosen]
        cache.kv.select_rows(chosen)
        for cross in cache.kv.cross:
            cross.source = cache.encoded
            cross.keys, cross.values = cross.keys[chosen], cross.values[chosen]


class EnsembleModel:
    """The `NextTokenModel` of several of one vocabulary: the mean of their probabilities.

    Args:
        models: At least one; the shortest context of them is that of all.
    """

    def __init__(self, models: Sequence[NextTokenModel]) -> None:
        self._models = models
        self.config = min((each.config for each in models), key=lambda config: config.block_size)
        self.vocab_size = models[0].vocab_size

    def new_cache(self, batch: int = 1, max_length: int | None = None) -> list[Any]:
        """An empty cache of B texts for each model."""
        return [model.new_cache(batch, max_length) for model in self._models]

    def forward(self, ids: NDArray[np.intp], cache: list[Any]) -> NDArray[np.float32]:
        """The logarithms of the mean probabilities after the last of new ids (B, T): (B, V)."""
        both = zip(self._models, cache, strict=True)
        return mean_log_probabilities([model.forward(ids, each) for model, each in both])

    def copy_rows(self, cache: list[Any], rows: Sequence[int], other: list[Any], row: int) -> None:
        """Replaces these rows of a cache by one row of another cache."""
        for model, each, its_other in zip(self._models, cache, other, strict=True):
            model.copy_rows(each, rows, its_other, row)

    def select_rows(self, cache: list[Any], rows: Sequence[int]) -> None:
        """Keeps these rows of a cache, in this order; a row may come more than once."""
        for model, each in zip(self._models, cache, strict=True):
            model.select_rows(each, rows)


def mean_log_probabilities(logits: Sequence[Floats]) -> NDArray[np.float32]:
    """The logarithm of the mean of the probabilities of some logits, each (..., V)."""
    of_each = [log_probabilities(each) for each in logits]
    mean: NDArray[np.float32] = np.logaddexp.reduce(of_each, axis=0) - np.log(len(of_each))
    return mean.astype(np.float32)
