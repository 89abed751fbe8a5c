"""A checkpoint's weights, fused for inference: what is always the same is computed once here.

Query, key and value become one matrix, and so do SwiGLU's gate and up. A norm's gain and bias
become part of the matrix after it, 1 / sqrt(D) part of the query. Whatever is added to the
residual stream before a LayerNorm has its mean subtracted, so that the stream has none. The
mean square's 1 / C goes into the gain as sqrt(C), which leaves x / sqrt(sum(x²) + C eps) of
every norm. The factor 1 / 2 of GELU and SwiGLU in their tanh forms goes into the matrix after
them.

Shapes: C channels = n_embd, H heads, D head size = C / H, F feed-forward width, V vocabulary.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attn_cli.config.block_kinds import block_kind
from attn_cli.config.schema import ModelConfig
from attn_cli.generation.ngram_lookup import NgramLookup
from attn_cli.model.ngram_hash import make_ngram_hash
from attn_cli.model.parameter_shapes import FEED_FORWARD_INPUTS, NGRAM_TABLE

Floats = NDArray[np.float32]
StateArrays = Mapping[str, Floats]


@dataclass(frozen=True)
class Linear:
    """A layer that computes x @ matrix + bias."""

    matrix: Floats  # (in, out)
    bias: Floats | None  # (out,)


@dataclass(frozen=True)
class LayerWeights:
    """One block."""

    query_key_value: Linear  # C -> 3 C
    query_key_gain: Floats | None  # (2, 1, 1, 1, D), of the norms a head of qwen3
    query_key_eps: float  # of these
    projection: Linear  # C -> C
    up: Linear  # C -> F; gate and up of qwen3, C -> 2 F
    down: Linear  # F -> C


@dataclass(frozen=True)
class Weights:
    """The whole model."""

    token: Floats  # (V, C)
    ngrams: NgramLookup | None
    position: Floats | None  # (block_size, C), where positions are added
    rotary: NDArray[np.complex64] | None  # (block_size, D / 2), where they are rotary
    layers: tuple[LayerWeights, ...]
    head: Linear  # C -> V
    eps: float  # of the norms over C, times C


def fuse_weights(config: ModelConfig, arrays: StateArrays) -> Weights:
    """The fused weights of a model from its parameters by name, as a checkpoint has them."""
    token = arrays["token_embedding.weight"]
    head = token if config.tie_embeddings else arrays["head.weight"]
    centred = block_kind(config.block).norm == "layer_norm"
    position = rotary = None
    if config.position == "learned":
        position = arrays["position_embedding.weight"]
    elif config.position == "sinusoidal":
        angles = _angles(config.block_size, config.n_embd, 10_000.0)
        position = np.stack((np.sin(angles), np.cos(angles)), axis=-1, dtype=np.float32)
        position = position.reshape(config.block_size, config.n_embd)
    elif config.position == "rope":
        angles = _angles(config.block_size, config.n_embd // config.n_head, config.rope_theta)
        rotary = np.exp(1j * angles).astype(np.complex64)
    ngrams = None
    if config.ngrams:
        hash = make_ngram_hash(config.ngrams, config.ngram_rows, len(token))
        projection = arrays["ngrams.projection.weight"].T
        projection = _centred(projection) if centred else projection
        ngrams = NgramLookup(hash, arrays[NGRAM_TABLE], projection)
    if centred:
        token = _centred(token)
        position = None if position is None else _centred(position)
    return Weights(
        token,
        ngrams,
        position,
        rotary,
        tuple(_layer(config, arrays, f"blocks.{number}") for number in range(config.n_layer)),
        _fuse([head], [], _norm(arrays, "final_norm")),
        eps=config.n_embd * (1e-5 if centred else 1e-6),
    )


def _layer(config: ModelConfig, arrays: StateArrays, block: str) -> LayerWeights:
    D, shrink = config.n_embd // config.n_head, 1 / math.sqrt(config.n_embd // config.n_head)
    kind, order = block_kind(config.block), np.arange(D)
    if config.position == "rope":
        # Channel i is rotated with channel i + D / 2. Side by side they are one complex number;
        # q · k does not depend on the order, as long as it is the same in both.
        order = order.reshape(2, D // 2).T.reshape(D)
    by_head = (np.arange(config.n_head)[:, None] * D + order).reshape(-1)

    def parts(*names: str) -> tuple[list[Floats], list[Floats]]:
        of = [f"{block}.{name}" for name in names]
        biases = [arrays[f"{name}.bias"] for name in of] if config.bias else []
        return [arrays[f"{name}.weight"] for name in of], biases

    qkv, qkv_bias = parts("attention.query", "attention.key", "attention.value")
    qkv[:2] = [part[by_head] for part in qkv[:2]]
    qkv_bias[:2] = [part[by_head] for part in qkv_bias[:2]]
    gain = None
    if kind.query_key_norm:
        gains, _ = parts("attention.query_norm", "attention.key_norm")
        gain = np.stack([gains[0] * shrink, gains[1]])[:, None, None, None, order]
        gain *= np.float32(math.sqrt(D))
    else:
        qkv[:1], qkv_bias[:1] = [qkv[0] * shrink], [part * shrink for part in qkv_bias[:1]]
    ups = FEED_FORWARD_INPUTS[kind.feed_forward]
    up, up_bias = parts(*(f"feed_forward.{name}" for name in ups))
    down, down_bias = parts("feed_forward.down")
    added = [_fuse(*parts("attention.projection")), _fuse([0.5 * down[0]], down_bias)]
    if kind.norm == "layer_norm":
        added = [_centred_linear(linear) for linear in added]
    return LayerWeights(
        _fuse(qkv, qkv_bias, _norm(arrays, f"{block}.attention_norm")),
        gain,
        D * 1e-6,
        added[0],
        _fuse(up, up_bias, _norm(arrays, f"{block}.feed_forward_norm")),
        added[1],
    )


def _norm(arrays: StateArrays, name: str) -> tuple[Floats, Floats | None]:
    return arrays[f"{name}.weight"], arrays.get(f"{name}.bias")


def _fuse(
    matrices: Sequence[Floats],
    biases: Sequence[Floats],
    norm: tuple[Floats, Floats | None] | None = None,
) -> Linear:
    """One layer of several (out, in) matrices, including the gain and bias of a norm before it."""
    matrix = np.concatenate(matrices).T  # (in, out)
    bias = np.concatenate(biases) if biases else None
    if norm is not None:
        gain, shift = norm
        if shift is not None:
            bias = shift @ matrix + (0 if bias is None else bias)
        matrix = np.float32(math.sqrt(len(gain))) * gain[:, None] * matrix
    return Linear(np.ascontiguousarray(matrix), bias)


def _centred(rows: Floats) -> Floats:
    """Rows that are added to the residual stream, (..., C), each without its mean."""
    centred: Floats = rows - rows.mean(axis=-1, keepdims=True)
    return centred


def _centred_linear(linear: Linear) -> Linear:
    bias = None if linear.bias is None else _centred(linear.bias)
    return Linear(_centred(linear.matrix), bias)


def _angles(length: int, channels: int, base: float) -> NDArray[np.float64]:
    """Position times frequency, (length, channels / 2), in radians."""
    frequency = base ** (-np.arange(0, channels, 2) / channels)
    return np.outer(np.arange(length), frequency)
