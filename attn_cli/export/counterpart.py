"""What GPT-2 and Qwen3 elsewhere can express of a model here, and the weights as they have them.

GPT-2 has a table of positions and a bias everywhere: sinusoidal positions are such a table, no
positions are one of zeros, and no biases are biases of zero. Qwen3 turns queries and keys by
their positions, and has neither a table nor biases; no positions are angles divided by a number
so large that nothing turns. Dropout is of training alone.

Shapes: T time (characters), C channels = n_embd.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attn_cli.config.schema import ModelConfig
from attn_cli.errors import InputError
from attn_cli.model.parameter_shapes import parameter_shapes

Floats = NDArray[np.float32]
Weights = Mapping[str, Floats]

TABLE = "position_embedding.weight"
# Divides every rotary angle. The cosine is 1 then, and what the sine adds is lost in rounding.
STANDSTILL = 1e30


def require_counterpart(config: ModelConfig) -> None:
    """Makes sure that the model can leave exactly.

    Raises:
        InputError: It cannot; the message names the option.
    """
    if config.block == "gpt2" and config.position == "rope":
        raise InputError(
            "model.position=rope with model.block=gpt2 has no counterpart: "
            "GPT-2 adds its positions to the embeddings",
            "export page or onnx, which take every model; or train with model.block=qwen3",
        )
    if config.block == "qwen3" and config.position not in ("rope", "none"):
        raise InputError(
            f"model.position={config.position} with model.block=qwen3 has no counterpart: "
            "Qwen3 has no table of positions",
            "export page or onnx, which take every model; or train with model.position=rope",
        )
    head_size = config.n_embd // config.n_head
    if config.block == "qwen3" and head_size % 2:
        raise InputError(
            f"model.n_head={config.n_head} with model.block=qwen3 has no counterpart: "
            f"Qwen3 has heads of an even size, not n_embd / n_head = {head_size}",
            "export page or onnx, which take every model",
        )


def completed(config: ModelConfig, weights: Weights) -> dict[str, Floats]:
    """The weights by our names, with all that the counterpart has and we may lack.

    Args:
        config: Of a model that has a counterpart.
        weights: As a checkpoint has them.
    """
    if config.block == "qwen3":
        return dict(weights)
    whole = as_gpt2(config)
    zeros: dict[str, Floats] = {
        name: np.zeros(shape, np.float32)
        for name, shape in parameter_shapes(whole, 1).items()
        if name.endswith(".bias")
    }
    return {TABLE: position_table(config), **zeros, **weights}


def reduced(config: ModelConfig, weights: Weights) -> tuple[ModelConfig, dict[str, Floats]]:
    """What `completed` began with: without biases that are all zero, and without known tables.

    Args:
        config: Of a `gpt2` model with biases and learned positions, or of a `qwen3` one.
        weights: All that such a model has, by our names.

    Returns:
        The least configuration that computes the same, and its weights.
    """
    if config.block == "qwen3":
        return config, dict(weights)
    left = dict(weights)
    if not any(array.any() for name, array in left.items() if name.endswith(".bias")):
        config = _changed(config, bias=False)
        left = {name: array for name, array in left.items() if not name.endswith(".bias")}
    for position in ("none", "sinusoidal"):
        if position == "sinusoidal" and config.n_embd % 2:
            continue
        candidate = _changed(config, position=position)
        if np.array_equal(position_table(candidate), left[TABLE]):
            del left[TABLE]
            return candidate, left
    return config, left


def as_gpt2(config: ModelConfig) -> ModelConfig:
    """A `gpt2` configuration with all that GPT-2 has."""
    return _changed(config, position="learned", bias=True)


def position_table(config: ModelConfig) -> Floats:
    """The positions that are added to the embeddings, (T, C), where they are not learned."""
    shape = (config.block_size, config.n_embd)
    if config.position != "sinusoidal":
        return np.zeros(shape, np.float32)
    # As in model/position.py, whose angles are rounded before their sines are taken.
    frequency = 10_000.0 ** (-np.arange(0, config.n_embd, 2) / config.n_embd)
    angles = np.outer(np.arange(config.block_size), frequency)  # (T, C / 2)
    angles = angles.astype(np.float32).astype(np.float64)
    table: Floats = np.stack((np.sin(angles), np.cos(angles)), axis=-1, dtype=np.float32)
    return table.reshape(shape)


def _changed(config: ModelConfig, **values: Any) -> ModelConfig:
    return ModelConfig.model_validate({**config.model_dump(), **values})
