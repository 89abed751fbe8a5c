"""A decoder in NumPy with a key/value cache: next-token logits on a CPU, without torch.

The same arithmetic as `model/`, which stays the reference; a test holds the two equal at
every split of a text. There are two because of what a step costs and what a start costs: a
step is many small products, which NumPy calls with less overhead than torch, and importing
torch takes longer than generating a page (benchmarks/LOG.md).

Shapes: B texts, T new ids, S ids of a text so far, N = B · T rows,
C channels = n_embd, H heads, D head size = C / H, F feed-forward width, V vocabulary,
n the longest n-gram.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attn_cli.config.block_kinds import block_kind
from attn_cli.config.schema import ModelConfig
from attn_cli.errors import OperationError
from attn_cli.generation.fused_weights import (
    Floats,
    LayerWeights,
    Linear,
    StateArrays,
    fuse_weights,
)
from attn_cli.model.ngram_hash import NOTHING

Integers = NDArray[np.intp]

# Ids that go through the model at once, so that a long prompt's attention fits into memory.
PREFILL_CHUNK = 512

# What the arithmetic below can do, by the values of the configuration's `model` section.
KNOWN = {
    "block": frozenset({"gpt2", "qwen3"}),
    "position": frozenset({"learned", "sinusoidal", "rope", "none"}),
}


def unknown_to_numpy(config: ModelConfig) -> str | None:
    """What of an architecture `NumpyModel` cannot run, `block: mamba`; None if it can."""
    for key, known in KNOWN.items():
        if (value := getattr(config, key)) not in known:
            return f"{key}: {value}"
    return None


@dataclass(eq=False)
class NumpyKVCache:
    """Keys and values of B texts that may differ in length, in buffers of a fixed size."""

    keys: list[Floats]  # one buffer a layer, (B, H, capacity, D)
    values: list[Floats]
    lengths: Integers  # how many ids of each text are cached, (B,)
    last_symbols: Integers  # those that the n-grams of the next id reach back to, (B, n - 1)


class NumpyModel:
    """Next-token logits of a decoder, by its configuration and its parameters by name.

    Raises:
        OperationError: The architecture is none that it knows.
    """

    def __init__(self, config: ModelConfig, arrays: StateArrays) -> None:
        if (unknown := unknown_to_numpy(config)) is not None:
            raise OperationError(
                f"generation in NumPy does not know {unknown}", "TorchModel runs every block"
            )
        self.config = config
        self.weights = fuse_weights(config, arrays)
        self.vocab_size = len(self.weights.token)

    def new_cache(self, batch: int = 1, max_length: int | None = None) -> NumpyKVCache:
        """An empty cache of B texts of up to `max_length` ids, or `block_size`."""
        config, capacity = self.config, self.config.block_size
        if max_length is not None:
            capacity = min(max_length, capacity)
        shape = (batch, config.n_head, capacity, config.n_embd // config.n_head)
        keys, values = (
            [np.zeros(shape, np.float32) for _ in range(config.n_layer)] for _ in range(2)
        )
        earlier = max(config.ngrams, default=1) - 1
        last_symbols = np.full((batch, earlier), NOTHING, np.intp)
        return NumpyKVCache(keys, values, np.zeros(batch, np.intp), last_symbols)

    def forward(self, ids: Integers, cache: NumpyKVCache) -> Floats:
        """The logits after the last of new ids (B, T), which are added to the cache: (B, V).

        T is 1 where the cached texts differ in length.
        """
        for begin in range(0, ids.shape[1], PREFILL_CHUNK):
            x = self._hidden(ids[:, begin : begin + PREFILL_CHUNK], cache)
        return _linear(rms_unit(x[:, -1], self.weights.eps), self.weights.head)

    def copy_rows(
        self, cache: NumpyKVCache, rows: Sequence[int], other: NumpyKVCache, row: int
    ) -> None:
        """Replaces these rows of a cache by one row of another cache."""
        length = int(other.lengths[row])
        targets, sources = cache.keys + cache.values, other.keys + other.values
        for target, source in zip(targets, sources, strict=True):
            target[list(rows), :, :length] = source[row, :, :length]
        cache.lengths[list(rows)] = length
        cache.last_symbols[list(rows)] = other.last_symbols[row]

    def select_rows(self, cache: NumpyKVCache, rows: Sequence[int]) -> None:
        """Keeps these rows of a cache, in this order; a row may come more than once."""
        cache.lengths = cache.lengths[list(rows)]
        cache.last_symbols = cache.last_symbols[list(rows)]
        moves = [(to, row) for to, row in enumerate(rows) if to != row]
        if any(row < len(rows) for _, row in moves):
            cache.keys = [keys[list(rows)] for keys in cache.keys]
            cache.values = [values[list(rows)] for values in cache.values]
            return
        # Rows from beyond the end fill gaps: nothing else has to be copied.
        for buffer in cache.keys + cache.values:
            for to, row in moves:
                buffer[to] = buffer[row]
        cache.keys = [keys[: len(rows)] for keys in cache.keys]
        cache.values = [values[: len(rows)] for values in cache.values]

    def _hidden(self, ids: Integers, cache: NumpyKVCache) -> Floats:
        """The residual stream after the last block, (B, T, C)."""
        weights = self.weights
        gated = block_kind(self.config.block).feed_forward == "swiglu"
        positions = _Positions(cache.lengths, ids.shape[1])
        x = weights.token[ids]  # (B, T, C)
        if weights.position is not None:
            x += weights.position[positions.new]
        x = x.reshape(-1, x.shape[-1])  # (N, C)
        if weights.ngrams is not None:
            symbols = np.concatenate((cache.last_symbols, ids + 1), axis=1)  # (B, n - 1 + T)
            cache.last_symbols = symbols[:, ids.shape[1] :]
            x += weights.ngrams.added(symbols)
        rotary = None
        if weights.rotary is not None:
            rotary = weights.rotary[positions.new][:, None]  # (1 | B, 1, T, D / 2)
        for layer, keys, values in zip(weights.layers, cache.keys, cache.values, strict=True):
            normed = rms_unit(x, weights.eps)
            attended = self._attention(layer, normed, positions, rotary, keys, values)
            x += _linear(attended, layer.projection)
            h = _linear(rms_unit(x, weights.eps), layer.up)
            x += _linear(swiglu_x2(h) if gated else gelu_x2(h), layer.down)
        cache.lengths += ids.shape[1]
        return x.reshape(*ids.shape, -1)

    def _attention(
        self,
        layer: LayerWeights,
        x: Floats,
        positions: _Positions,
        rotary: NDArray[np.complex64] | None,
        keys: Floats,
        values: Floats,
    ) -> Floats:
        """Attention before its projection, (N, C) -> (N, C); appends to keys and values."""
        B, H, T = keys.shape[0], keys.shape[1], positions.T
        qkv = _linear(x, layer.query_key_value).reshape(B, T, 3, H, -1).transpose(2, 0, 3, 1, 4)
        qk, v = qkv[:2], qkv[2]  # (2, B, H, T, D), (B, H, T, D)
        if layer.query_key_gain is not None:
            qk = rms_unit(qk, layer.query_key_eps)
            qk *= layer.query_key_gain
        if rotary is not None:
            qk = (qk.view(np.complex64) * rotary).view(np.float32)
        q = qk[0]  # (B, H, T, D)
        keys, values = positions.append(qk[1], keys), positions.append(v, values)  # (B, H, S, D)

        scores = q @ keys.swapaxes(2, 3)  # (B, H, T, S)
        if positions.masked is not None:
            np.copyto(scores, -np.inf, where=positions.masked)
        scores -= np.maximum.reduce(scores, axis=-1, keepdims=True)
        weights = np.exp(scores, out=scores)
        mixed = weights @ values  # (B, H, T, D)
        mixed /= np.add.reduce(weights, axis=-1, keepdims=True)
        merged: Floats = mixed.swapaxes(1, 2).reshape(B * T, -1)
        return merged


class _Positions:
    """The positions of T new ids in texts of `lengths` (B,) ids so far.

    Attributes:
        new: Those of the new ids, (B, T); (1, T) where all texts have the same length.
        masked: What they do not see, (1 | B, 1, T, S); None where they see everything.
    """

    def __init__(self, lengths: Integers, new: int) -> None:
        self.T = T = new
        self._start, self._stop = int(lengths[0]), int(lengths[0]) + T
        self._starts: Integers | None = None
        self.masked: NDArray[np.bool_] | None = None
        if len(lengths) > 1 and (lengths != self._start).any():
            assert T == 1, "texts of unequal length grow by one id at a time"
            self._starts, self._stop = lengths.copy(), int(lengths.max()) + 1
            self.new = self._starts[:, None]
        else:
            self.new = np.arange(self._start, self._stop)[None]
        if T > 1 or self._starts is not None:
            self.masked = (np.arange(self._stop) > self.new[..., None])[:, None]

    def append(self, new: Floats, buffer: Floats) -> Floats:
        """Writes (B, H, T, D) into a buffer of a cache; all of it so far, (B, H, S, D)."""
        if self._starts is None:
            buffer[:, :, self._start : self._stop] = new
        else:
            buffer[np.arange(len(new)), :, self._starts] = new[:, :, 0]
        return buffer[:, :, : self._stop]


def _linear(x: Floats, layer: Linear) -> Floats:
    """x @ matrix + bias, (N, in) -> (N, out)."""
    y: Floats = x.dot(layer.matrix)  # less overhead than @, for a single row
    if layer.bias is not None:
        y += layer.bias
    return y


def rms_unit(x: Floats, eps: float) -> Floats:
    """x / sqrt(sum(x²) + eps) over the last axis: RMSNorm without gain and 1 / C."""
    if x.ndim == 2 and len(x) == 1:  # one text: Python's numbers cost less than arrays of one
        return x * (1.0 / math.sqrt(x[0].dot(x[0]) + eps))
    length = np.vecdot(x, x)
    length += eps
    np.sqrt(length, out=length)
    result: Floats = x / length[..., None]
    return result


def gelu_x2(x: Floats) -> Floats:
    """x · (1 + tanh(sqrt(2 / pi) (x + 0.044715 x³)))."""
    slope = math.sqrt(2 / math.pi)
    y = x * x
    y *= slope * 0.044715
    y += slope
    y *= x
    np.tanh(y, out=y)
    y += 1
    y *= x
    return y


def swiglu_x2(x: Floats) -> Floats:
    """gate · (1 + tanh(gate / 2)) · up, the two being halves of the last axis, 2 F -> F."""
    gate, up = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    y = gate * 0.5
    np.tanh(y, out=y)
    y += 1
    y *= gate
    y *= up
    return y
