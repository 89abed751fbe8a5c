"""Keys and values that were computed before, so that each is computed once.

Tests hold generation with a cache to a forward pass without one.

Shapes: B batch, S characters in the cache, C channels, H heads, D head size, L layers.
"""

from dataclasses import dataclass, field

import torch


class LayerKVCache:
    """The keys and values of one attention layer, in buffers of a fixed size."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        self.keys = keys  # (B, H, capacity, D)
        self.values = values  # (B, H, capacity, D)
        self.length = 0

    def append(self, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Adds (B, H, T, D) keys and values; returns all so far, (B, H, S, D) each."""
        end = self.length + keys.shape[-2]
        self.keys[:, :, self.length : end] = keys
        self.values[:, :, self.length : end] = values
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class CrossKVCache:
    """The keys and values of a source in one cross-attention layer.

    They are computed at the first step, and again when the source is another tensor.
    """

    source: torch.Tensor | None = None  # what they are of, (B, S, C); None at first
    keys: torch.Tensor  # (B, H, S, D), normalised and rotated where the attention does it
    values: torch.Tensor  # (B, H, S, D)


@dataclass
class KVCache:
    """One `LayerKVCache` a layer; handed to the model as an argument.

    The model itself holds no state between calls: it reads `length` to know the
    position of the next character and appends to each layer.

    Attributes:
        layers: Of the characters so far.
        cross: Of the source, where the model attends to one; one `CrossKVCache` a layer.
        ids: The characters, where the model has n-grams, which reach back to them: int64,
            (B, 1, capacity, 1), the axes of keys.
    """

    layers: list[LayerKVCache]
    cross: list[CrossKVCache] = field(default_factory=list)
    ids: torch.Tensor | None = None

    @property
    def length(self) -> int:
        """Characters read so far."""
        return self.layers[0].length

    def buffers(self) -> list[torch.Tensor]:
        """What is kept of the characters so far, each (B, ..., capacity, ...) on axes 0 and 2."""
        kept = [buffer for layer in self.layers for buffer in (layer.keys, layer.values)]
        return kept if self.ids is None else [*kept, self.ids]

    def select_rows(self, rows: list[int]) -> None:
        """Keeps these rows of the batch, in this order; a row may come more than once."""
        for layer in self.layers:
            layer.keys, layer.values = layer.keys[rows], layer.values[rows]
        self.ids = None if self.ids is None else self.ids[rows]

    def with_earlier(self, ids: torch.Tensor) -> torch.Tensor:
        """New characters (B, T), after all that were read before: (B, S), or as they are.

        To be called before their keys are appended.
        """
        if self.ids is None:
            return ids
        end = self.length + ids.shape[1]
        self.ids[:, 0, self.length : end, 0] = ids
        return self.ids[:, 0, :end, 0]
