"""A model's names and shapes without its numbers, to judge a size before it is made."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from attn_cli.config.schema import ModelConfig
from attn_cli.model.transformer import Transformer


def outline(config: ModelConfig, vocab_size: int) -> dict[str, torch.Size]:
    """The shapes of a model's parameters, by name; a tied one counts once.

    From the model itself, made on torch's `meta` device, where tensors take no memory.
    """
    if config.position in ("sinusoidal", "rope"):
        # Their tables are computed, which is slow there, and no parameters.
        config = config.model_copy(update={"position": "none"})
    with torch.device("meta"), _NothingDrawn():
        model = Transformer(config, vocab_size)
    return {name: parameter.shape for name, parameter in model.named_parameters()}


def parameter_count(shapes: dict[str, torch.Size]) -> int:
    """Learned numbers of a model of these shapes."""
    return sum(shape.numel() for shape in shapes.values())


class _NothingDrawn(TorchFunctionMode):
    """Leaves out what fills tensors with random numbers.

    For that, torch would import its compiler on the `meta` device: a second of every start.
    """

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        given = kwargs or {}
        if function in (torch.Tensor.normal_, torch.nn.init.normal_):
            return args[0] if args else given["tensor"]
        return function(*args, **given)
