"""A model's names and shapes without its numbers, to judge a size before it is made.

Written out rather than taken from a model of torch, whose import takes a second; a test
holds the two equal.

Shapes: C channels = n_embd, D head size, F feed-forward width, V vocabulary.
"""

from __future__ import annotations

import math

from attn_cli.config.schema import ModelConfig

Shape = tuple[int, ...]


def outline(config: ModelConfig, vocab_size: int) -> dict[str, Shape]:
    """The shapes of a model's parameters, by name; a tied one counts once."""
    C, F, V = config.n_embd, config.inner_width, vocab_size
    D = C // config.n_head
    qwen3 = config.block == "qwen3"

    block = _norm("attention_norm", C, config)
    for name in ("query", "key", "value", "projection"):
        block |= _linear(f"attention.{name}", C, C, config)
    if qwen3:
        block |= {"attention.query_norm.weight": (D,), "attention.key_norm.weight": (D,)}
    block |= _norm("feed_forward_norm", C, config)
    for name in ("gate", "up") if qwen3 else ("up",):
        block |= _linear(f"feed_forward.{name}", C, F, config)
    block |= _linear("feed_forward.down", F, C, config)

    shapes: dict[str, Shape] = {"token_embedding.weight": (V, C)}
    if config.position == "learned":
        shapes["position_embedding.weight"] = (config.block_size, C)
    for layer in range(config.n_layer):
        shapes |= {f"blocks.{layer}.{name}": shape for name, shape in block.items()}
    shapes |= _norm("final_norm", C, config)
    if not config.tie_embeddings:
        shapes["head.weight"] = (V, C)
    return shapes


def parameter_count(shapes: dict[str, Shape]) -> int:
    """Learned numbers of a model of these shapes."""
    return sum(math.prod(shape) for shape in shapes.values())


def _norm(name: str, size: int, config: ModelConfig) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {f"{name}.weight": (size,)}
    if config.block == "gpt2" and config.bias:
        shapes[f"{name}.bias"] = (size,)
    return shapes


def _linear(name: str, inputs: int, outputs: int, config: ModelConfig) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {f"{name}.weight": (outputs, inputs)}
    if config.bias:
        shapes[f"{name}.bias"] = (outputs,)
    return shapes
