"""Muon: momentum, made orthogonal, for the matrices inside the blocks (Jordan et al. 2024).

A gradient's matrix mostly points along a few directions. Muon replaces it by the
nearest matrix that stretches all directions equally, found by five steps of a
Newton-Schulz iteration; so rare directions learn as fast as common ones. In the same
30 seconds it came to 1.01 bits per character where AdamW came to 1.60 (benchmarks/LOG.md).

Source: Keller Jordan, "Muon: An optimizer for hidden layers in neural networks",
2024; `torch.optim.Muon` is the same formula for one matrix at a time. Here matrices of
one shape go through each product together, which is three times as fast for small ones.
"""

from collections.abc import Iterable

import torch

from attn_cli.training.distributed.world import SINGLE_PROCESS, World
from attn_cli.training.optimizer import Optimizer
from attn_cli.training.private_torch import lerp_all, lerp_all_

# The quintic whose repetition moves every singular value towards 1 (Jordan et al. 2024).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
# Momentum grows over a run's first steps, while gradients still turn quickly: from 1.897 to
# 1.875 nats after 293 steps (benchmarks/LOG.md). Jordan et al., modded-nanogpt, 2024.
WARMUP_MOMENTUM = 0.85
MOMENTUM_WARMUP_STEPS = 300
# Shorter side of matrices from which several processes are faster when each computes a part
# of the products and sends it; by measurement in benchmarks/LOG.md.
DISTRIBUTE_FROM = 192


class Muon(Optimizer):
    """Orthogonalised momentum, for two-dimensional parameters.

    Args:
        parameters: Matrices.
        lr: The peak learning rate: how much a square matrix's singular values can move
            in one step.
        momentum: How much of the last direction is kept, after the first `MOMENTUM_WARMUP_STEPS`
            steps; Nesterov's form.
        weight_decay: Decoupled weight decay, multiplied by the learning rate.
        dtype: What the products are computed in: bfloat16 where the device has them.
        world: The processes among which the products may be shared.
    """

    state_names = ("momentum_buffer",)

    def __init__(
        self,
        parameters: Iterable[torch.nn.Parameter],
        lr: float,
        *,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        dtype: torch.dtype = torch.bfloat16,
        world: World = SINGLE_PROCESS,
    ) -> None:
        super().__init__(parameters, lr)
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.dtype = dtype
        self.world = world

    @torch.no_grad()
    def step(self, step: int, lr_scale: float) -> None:
        warm = min(1.0, step / MOMENTUM_WARMUP_STEPS)
        momentum = WARMUP_MOMENTUM + warm * (self.momentum - WARMUP_MOMENTUM)
        by_shape: dict[tuple[int, ...], list[torch.nn.Parameter]] = {}
        for matrix in self.parameters:
            if matrix.grad is not None:
                # A matrix and one that lies on its side go together.
                by_shape.setdefault(tuple(sorted(matrix.shape)), []).append(matrix)
        for matrices in by_shape.values():
            self._step_together(matrices, momentum, self.lr * lr_scale)

    def _step_together(
        self, matrices: list[torch.nn.Parameter], momentum: float, rate: float
    ) -> None:
        """Updates N matrices of the same two sides."""
        gradients = [matrix.grad for matrix in matrices if matrix.grad is not None]
        states = [self.state_of(matrix)["momentum_buffer"] for matrix in matrices]
        lerp_all_(states, gradients, 1.0 - momentum)
        directions = lerp_all(gradients, states, momentum)
        together = torch.stack([_wide(direction) for direction in directions])  # (N, r, c)
        together = together.to(self.dtype)
        if together.shape[1] >= DISTRIBUTE_FROM:
            updates = self.world.distribute(newton_schulz, together)
        else:
            updates = newton_schulz(together)
        for matrix, update in zip(matrices, updates.unbind(), strict=True):
            rows, columns = matrix.shape
            # So that a tall matrix changes each output as much as a square one would.
            scale = rate * max(1.0, rows / columns) ** 0.5
            matrix.mul_(1.0 - rate * self.weight_decay)
            matrix.add_(update.mT if rows > columns else update, alpha=-scale)


def newton_schulz(matrices: torch.Tensor) -> torch.Tensor:
    """Nearly the nearest orthogonal matrix of each: singular values between 0.7 and 1.2.

    Args:
        matrices: (N, rows, columns), where a row is no shorter than a column; in the format to
            compute in, of which bfloat16 is precise enough.

    Returns:
        (N, rows, columns) in the same format.
    """
    a, b, c = COEFFICIENTS
    # The iteration converges where no singular value is above 1; their root sum square is not.
    x: torch.Tensor = matrices / torch.linalg.matrix_norm(matrices, keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def _wide(matrix: torch.Tensor) -> torch.Tensor:
    """The matrix on its longer side: its rows are no shorter than its columns."""
    return matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix
