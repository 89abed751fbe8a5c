"""Position encodings: how the model knows where a character stands.

Shapes: B batch, T time (characters), C channels, H heads, D head size.

`learned` and `sinusoidal` positions are vectors that are added to the token
embeddings; `rope` rotates queries and keys inside attention instead; `none` gives
no position at all (a causal mask alone still tells some of it).
"""

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable


class LearnedPosition(nn.Module):
    """One learned vector for each position, as in GPT-2."""

    def __init__(self, block_size: int, n_embd: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(block_size, n_embd))

    def forward(self, start: int, length: int) -> torch.Tensor:
        """The vectors (T, C) of positions `start` to `start + length`."""
        return self.weight[start : start + length]


class SinusoidalPosition(nn.Module):
    """Sines and cosines of falling frequency (Vaswani et al. 2017, section 3.5).

    Even channels hold sin(t / 10000^(2i / C)), odd channels the cosine of the same.
    """

    table: torch.Tensor

    def __init__(self, block_size: int, n_embd: int) -> None:
        super().__init__()
        angles = _angles(block_size, n_embd, base=10_000.0)  # (T, C / 2)
        table = torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)  # (T, C)
        self.register_buffer("table", table, persistent=False)

    def forward(self, start: int, length: int) -> torch.Tensor:
        """The vectors (T, C) of positions `start` to `start + length`."""
        return self.table[start : start + length]


class RotaryPosition(nn.Module):
    """Rotates pairs of channels by an angle that grows with the position (Su et al. 2021).

    Channel i is paired with channel i + D / 2, as Qwen3 and Llama checkpoints
    expect. After the rotation, q · k depends on positions only by their distance.
    """

    cos: torch.Tensor
    sin: torch.Tensor

    def __init__(self, block_size: int, head_size: int, base: float) -> None:
        super().__init__()
        angles = _angles(block_size, head_size, base)  # (T, D / 2)
        self.register_buffer("cos", torch.cat((angles.cos(), angles.cos()), -1), persistent=False)
        self.register_buffer("sin", torch.cat((-angles.sin(), angles.sin()), -1), persistent=False)

    def forward(self, x: torch.Tensor, start: int) -> torch.Tensor:
        """x rotated, (..., T, D), whose first character stands at position `start`."""
        stop = start + x.shape[-2]
        cos, sin = self.cos[start:stop].to(x.dtype), self.sin[start:stop].to(x.dtype)  # (T, D)
        rotated: torch.Tensor = _Rotate.apply(x, cos, sin)  # type: ignore[no-untyped-call]
        return rotated


class _Rotate(torch.autograd.Function):
    """A rotation, whose gradient is the rotation by the opposite angle."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, dims=-1), sin)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        other = gradient.roll(gradient.shape[-1] // 2, dims=-1)
        return torch.addcmul(gradient * cos, other, sin, value=-1), None, None


def _angles(length: int, channels: int, base: float) -> torch.Tensor:
    """Position times frequency, (length, channels / 2), in radians."""
    frequency = base ** (-torch.arange(0, channels, 2, dtype=torch.float64) / channels)
    position = torch.arange(length, dtype=torch.float64)
    return torch.outer(position, frequency).float()
