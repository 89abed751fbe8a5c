"""Root-mean-square norm, with its gradient written out.

Torch composes its own from many passes over memory on a CPU; its backward in bf16 takes
seven times as long as this one (benchmarks/LOG.md). A test holds the two equal.

Shapes: "..." any leading axes, N the axis that is normalised.
"""

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable


class RMSNorm(nn.Module):
    """x / sqrt(mean(x²) + eps) * weight, over the last axis (Zhang & Sennrich 2019).

    Args:
        size: N, the size of the last axis.
        eps: Added to the mean square.
    """

    def __init__(self, size: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., N) -> (..., N)."""
        normed: torch.Tensor = _RMSNorm.apply(x, self.weight, self.eps)  # type: ignore[no-untyped-call]
        return normed


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        # The sum of squares is taken in fp32 at least, whatever x is.
        wide = torch.promote_types(x.dtype, torch.float32)
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide)  # (..., 1)
        scale = (length.square() / x.shape[-1] + eps).rsqrt().to(x.dtype)  # (..., 1)
        unit = x * scale  # (..., N)
        ctx.save_for_backward(unit, weight, scale)
        normed: torch.Tensor = unit * weight
        return normed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        """With u = x · scale: dx = scale · (g w - u · mean(g w u)), dw = Σ g u."""
        unit, weight, scale = ctx.saved_tensors
        by_weight = (gradient * unit).reshape(-1, unit.shape[-1])  # (rows, N)
        mean = (by_weight @ weight).view(scale.shape) / unit.shape[-1]  # (..., 1)
        dx = torch.addcmul(gradient * weight, unit, mean, value=-1).mul_(scale)
        return dx, by_weight.sum(0), None
