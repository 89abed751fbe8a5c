"""The torch model behind the interface of generation: any device, any block with a cache.

Shapes: B batch, T new ids, H heads, D head size, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from attn_cli.generation.numpy_model import Integers
from attn_cli.model.cache import KVCache
from attn_cli.model.stack import Stack


@dataclass(eq=False)
class TorchKVCache:
    """Keys and values of B texts that may differ in length."""

    batch: KVCache  # the model's own, of B rows
    lengths: Integers  # how many ids of each text are cached, (B,)


class TorchModel:
    """Next-token logits of a torch model, on its own device and in its own dtype.

    Args:
        model: In evaluation mode.
    """

    def __init__(self, model: Stack) -> None:
        self.config = model.config
        self.vocab_size = model.vocab_size
        self._model = model
        self._device = next(model.parameters()).device

    def new_cache(self, batch: int = 1, max_length: int | None = None) -> TorchKVCache:
        """An empty cache of B texts of up to `max_length` ids, or `block_size`."""
        return TorchKVCache(self._model.new_cache(batch, max_length), np.zeros(batch, np.intp))

    @torch.inference_mode()
    def forward(self, ids: Integers, cache: TorchKVCache) -> NDArray[np.float32]:
        """The logits after the last of new ids (B, T), which are added to the cache: (B, V).

        The model's own cache has one length for all rows, so that texts of different lengths
        are run in groups of one length each.
        """
        inputs = torch.as_tensor(ids, device=self._device)
        logits = torch.empty(len(ids), self.vocab_size, device=self._device)
        for length in np.unique(cache.lengths).tolist():
            rows = np.flatnonzero(cache.lengths == length)
            logits[rows] = self._forward_group(inputs, cache, rows, length)
        cache.lengths += ids.shape[1]
        result: NDArray[np.float32] = logits.cpu().numpy()
        return result

    def _forward_group(
        self, inputs: torch.Tensor, cache: TorchKVCache, rows: Integers, length: int
    ) -> torch.Tensor:
        """The logits (rows, V) of texts that have the same length so far."""
        group, everything = cache.batch, len(rows) == len(inputs)
        if not everything:
            group = self._model.new_cache(len(rows), length + inputs.shape[1])
            for own, whole in zip(group.buffers(), cache.batch.buffers(), strict=True):
                own[:, :, :length] = whole[rows, :, :length]
        for layer in group.layers:
            layer.length = length
        logits: torch.Tensor = self._model(inputs[rows], cache=group)[:, -1]
        if not everything:
            end = length + inputs.shape[1]
            for own, whole in zip(group.buffers(), cache.batch.buffers(), strict=True):
                whole[rows, :, length:end] = own[:, :, length:end]
        return logits.float()

    @torch.inference_mode()
    def copy_rows(
        self, cache: TorchKVCache, rows: Sequence[int], other: TorchKVCache, row: int
    ) -> None:
        """Replaces these rows of a cache by one row of another cache."""
        length = int(other.lengths[row])
        for target, source in zip(cache.batch.buffers(), other.batch.buffers(), strict=True):
            target[list(rows), :, :length] = source[row, :, :length]
        cache.lengths[list(rows)] = length

    @torch.inference_mode()
    def select_rows(self, cache: TorchKVCache, rows: Sequence[int]) -> None:
        """Keeps these rows of a cache, in this order; a row may come more than once."""
        cache.lengths = cache.lengths[list(rows)]
        cache.batch.select_rows(list(rows))
