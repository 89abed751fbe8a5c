"""The model in NumPy, for writing: it reads a text once, then takes a character a step.

The same arithmetic as `model/`, which stays the reference; a test holds the two equal at
every split of a text. It stands beside for what a step costs and for what a start costs: a
step is many small products, which NumPy calls with less ceremony than torch, and torch's
import takes longer than writing a page (benchmarks/LOG.md).

Shapes: B texts, T new characters, S characters of a text so far, N = B · T rows,
C channels = n_embd, H heads, D head size = C / H, F feed-forward width, V vocabulary.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from attn_cli.config.schema import ModelConfig
from attn_cli.generation.weights import Floats, LayerWeights, Named, laid_out

Integers = NDArray[np.intp]

# Characters of a text that are read at once, so that the scores of a long one fit into memory.
READ_AT_ONCE = 512


class Cache:
    """Keys and values of the characters that were read before, in buffers of a fixed size.

    Attributes:
        keys: A layer each, (B, H, capacity, D).
        values: The same.
        lengths: How many characters of each text were read, (B,).
    """

    def __init__(self, layers: int, batch: int, heads: int, capacity: int, head_size: int) -> None:
        shape = (batch, heads, capacity, head_size)
        self.keys = [np.zeros(shape, np.float32) for _ in range(layers)]
        self.values = [np.zeros(shape, np.float32) for _ in range(layers)]
        self.lengths: Integers = np.zeros(batch, np.intp)

    def put(self, rows: list[int], other: Cache, number: int) -> None:
        """Copies one text of another cache into each of these rows."""
        length = int(other.lengths[number])
        for mine, its in zip(self.keys + self.values, other.keys + other.values, strict=True):
            mine[rows, :, :length] = its[number, :, :length]
        self.lengths[rows] = length

    def select(self, rows: list[int]) -> None:
        """Keeps these rows, in this order; a row may come more than once."""
        self.lengths = self.lengths[rows]
        moved = [(to, row) for to, row in enumerate(rows) if to != row]
        if any(row < len(rows) for _, row in moved):
            self.keys = [keys[rows] for keys in self.keys]
            self.values = [values[rows] for values in self.values]
            return
        # Rows from beyond the end fill gaps: nothing else has to be copied.
        for buffer in self.keys + self.values:
            for to, row in moved:
                buffer[to] = buffer[row]
        self.keys = [keys[: len(rows)] for keys in self.keys]
        self.values = [values[: len(rows)] for values in self.values]


class Decoder:
    """A model that is only ever asked for the next character.

    Args:
        config: The `model` section of the run.
        named: Its parameters by name, as a checkpoint has them.
    """

    def __init__(self, config: ModelConfig, named: Named) -> None:
        self.config = config
        self.weights = laid_out(config, named)
        self.vocab_size = len(self.weights.token)

    def new_cache(self, batch: int = 1, longest: int | None = None) -> Cache:
        """An empty cache for `batch` texts of up to `longest` characters, or `block_size`."""
        config, capacity = self.config, self.config.block_size
        if longest is not None:
            capacity = min(longest, capacity)
        return Cache(config.n_layer, batch, config.n_head, capacity, config.n_embd // config.n_head)

    def read(self, ids: Integers, cache: Cache) -> Floats:
        """Reads on, and scores what comes next.

        Args:
            ids: The next characters, (B, T); T is 1 where the texts differ in length so far.
            cache: Of B texts; the characters are appended to it.

        Returns:
            The scores of the character after the last, (B, V).
        """
        for begin in range(0, ids.shape[1], READ_AT_ONCE):
            stream = self._stream(ids[:, begin : begin + READ_AT_ONCE], cache)
        return self.weights.head(unit(stream[:, -1], self.weights.eps))

    def _stream(self, ids: Integers, cache: Cache) -> Floats:
        """The stream after the last block, (B, T, C)."""
        weights, gated = self.weights, self.config.block == "qwen3"
        place = _Place(cache.lengths, ids.shape[1])
        x = weights.token[ids]  # (B, T, C)
        if weights.position is not None:
            x += weights.position[place.positions]
        x = x.reshape(-1, x.shape[-1])  # (N, C)
        turns = None
        if weights.turns is not None:
            turns = weights.turns[place.positions][:, None]  # (1 | B, 1, T, D / 2)
        for layer, keys, values in zip(weights.layers, cache.keys, cache.values, strict=True):
            h = unit(x, weights.eps)
            x += layer.projection(self._mixed(layer, h, place, turns, keys, values))
            wide = layer.up(unit(x, weights.eps))
            x += layer.down(twice_swiglu(wide) if gated else twice_gelu(wide))
        cache.lengths += ids.shape[1]
        return x.reshape(*ids.shape, -1)

    def _mixed(
        self,
        layer: LayerWeights,
        x: Floats,
        place: _Place,
        turns: NDArray[np.complex64] | None,
        keys: Floats,
        values: Floats,
    ) -> Floats:
        """Attention up to the mix of values, (N, C) -> (N, C); appends to keys and values."""
        B, H, T = keys.shape[0], keys.shape[1], place.T
        qkv = layer.query_key_value(x).reshape(B, T, 3, H, -1).transpose(2, 0, 3, 1, 4)
        qk, v = qkv[:2], qkv[2]  # (2, B, H, T, D), (B, H, T, D)
        if layer.query_key_gain is not None:
            qk = unit(qk, layer.query_key_eps)
            qk *= layer.query_key_gain
        if turns is not None:
            qk = (qk.view(np.complex64) * turns).view(np.float32)
        q = qk[0]  # (B, H, T, D)
        keys, values = place.append(qk[1], keys), place.append(v, values)  # (B, H, S, D)

        scores = q @ keys.swapaxes(2, 3)  # (B, H, T, S)
        if place.hidden is not None:
            np.copyto(scores, -np.inf, where=place.hidden)
        scores -= np.maximum.reduce(scores, axis=-1, keepdims=True)
        shares = np.exp(scores, out=scores)
        mixed = shares @ values  # (B, H, T, D)
        mixed /= np.add.reduce(shares, axis=-1, keepdims=True)
        merged: Floats = mixed.swapaxes(1, 2).reshape(B * T, -1)
        return merged


class _Place:
    """Where T new characters stand in texts that have `lengths` (B,) characters so far.

    Attributes:
        positions: Of the new characters, (B, T); (1, T) where all texts are as long.
        hidden: What they may not see, (1 | B, 1, T, S); None where they see all.
    """

    def __init__(self, lengths: Integers, new: int) -> None:
        self.T = T = new
        self._start, self._stop = int(lengths[0]), int(lengths[0]) + T
        self._starts: Integers | None = None
        self.hidden: NDArray[np.bool_] | None = None
        if len(lengths) > 1 and (lengths != self._start).any():
            assert T == 1, "texts of unequal length are read a character at a time"
            self._starts, self._stop = lengths.copy(), int(lengths.max()) + 1
            self.positions = self._starts[:, None]
        else:
            self.positions = np.arange(self._start, self._stop)[None]
        if T > 1 or self._starts is not None:
            self.hidden = (np.arange(self._stop) > self.positions[..., None])[:, None]

    def append(self, new: Floats, buffer: Floats) -> Floats:
        """Writes (B, H, T, D) into a buffer of a cache; returns all so far, (B, H, S, D)."""
        if self._starts is None:
            buffer[:, :, self._start : self._stop] = new
        else:
            buffer[np.arange(len(new)), :, self._starts] = new[:, :, 0]
        return buffer[:, :, : self._stop]


def unit(x: Floats, eps: float) -> Floats:
    """x / sqrt(sum(x²) + eps) over the last axis: a norm, but for its gain."""
    if x.ndim == 2 and len(x) == 1:  # one text: Python's numbers cost less than arrays of one
        return x * (1.0 / math.sqrt(x[0].dot(x[0]) + eps))
    length = np.vecdot(x, x)
    length += eps
    np.sqrt(length, out=length)
    result: Floats = x / length[..., None]
    return result


def twice_gelu(x: Floats) -> Floats:
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


def twice_swiglu(x: Floats) -> Floats:
    """gate · (1 + tanh(gate / 2)) · up, the two being halves of the last axis, 2 F -> F."""
    gate, up = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    y = gate * 0.5
    np.tanh(y, out=y)
    y += 1
    y *= gate
    y *= up
    return y
