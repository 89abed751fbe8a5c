"""Muon: momentum, made orthogonal, for the matrices inside the blocks (Jordan et al. 2024).

A gradient's matrix mostly points along a few directions. Muon replaces it by the
nearest matrix that stretches all directions equally, found by five steps of a
Newton-Schulz iteration; so rare directions learn as fast as common ones. In the same
30 seconds it came to 1.01 bits per character where AdamW came to 1.60 (benchmarks/LOG.md).

Source: Keller Jordan, "Muon: An optimizer for hidden layers in neural networks",
2024; `torch.optim.Muon` is the same formula for one matrix at a time. Here matrices of
one shape go through each product together, which is three times as fast for small ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch

# The quintic whose repetition moves every singular value towards 1 (Jordan et al. 2024).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum, for two-dimensional parameters.

    Args:
        params: Matrices.
        lr: The step size: how much a square matrix's singular values can move in one step.
        momentum: How much of the last direction is kept; Nesterov's form.
        weight_decay: Pull towards 0, times `lr`.
        iterations: Newton-Schulz steps.
    """

    def __init__(
        self,
        params: Iterable[torch.Tensor] | Iterable[dict[str, Any]],
        lr: float = 0.02,
        *,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        iterations: int = 5,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "iterations": iterations,
        }
        super().__init__(params, defaults)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step of every matrix that has a gradient."""
        assert closure is None, "Muon takes no closure"
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[torch.Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape.setdefault(parameter.shape, []).append(parameter)
            for matrices in by_shape.values():
                self._step_together(matrices, group)
        return None

    def _step_together(self, matrices: list[torch.Tensor], group: dict[str, Any]) -> None:
        """One step of N matrices of one shape (rows, columns)."""
        gradients = [matrix.grad for matrix in matrices if matrix.grad is not None]
        memories = [self._momentum(matrix) for matrix in matrices]
        keep = group["momentum"]
        torch._foreach_lerp_(memories, gradients, 1.0 - keep)
        directions = torch._foreach_lerp(gradients, memories, keep)
        rows, columns = matrices[0].shape
        # A tall matrix moves each output as far as a square one would.
        rate = group["lr"] * max(1.0, rows / columns) ** 0.5
        updates = orthogonalise(torch.stack(directions), group["iterations"])  # (N, rows, columns)
        torch._foreach_mul_(matrices, 1.0 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(matrices, list(updates.unbind()), alpha=-rate)

    def _momentum(self, matrix: torch.Tensor) -> torch.Tensor:
        state = self.state[matrix]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(matrix)
        momentum: torch.Tensor = state["momentum"]
        return momentum


def orthogonalise(matrices: torch.Tensor, iterations: int = 5) -> torch.Tensor:
    """Nearly the nearest orthogonal matrix of each: singular values between 0.7 and 1.2.

    Args:
        matrices: (N, rows, columns).
        iterations: Newton-Schulz steps.

    Returns:
        (N, rows, columns), in the type that came in; computed in bfloat16, which the
        iteration forgives.
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    # The iteration converges where no singular value is above 1; their root sum square is not.
    x = (x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)).bfloat16()
    for _ in range(iterations):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).to(matrices.dtype)
