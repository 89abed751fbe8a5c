"""Gradient descent for tables: a step moves the rows that a batch has, and costs no more.

An optimizer that scales each row by its own gradients, as Adam does, moves a row that came once
as far as one that came often; read twice, a text is then known by heart. With one scale for a
whole table rare rows stay near zero (benchmarks/LOG.md).

Shapes: K rows looked up in a step, each as often as it was; R rows and E width of a table.
"""

from collections.abc import Iterable

import torch

from attn_cli.training.distributed.world import SINGLE_PROCESS, World
from attn_cli.training.optimizer import Optimizer
from attn_cli.training.private_torch import sparse_rows


class TableSGD(Optimizer):
    """Each row moves by its gradients, over the root mean square of all gradients of the table.

    Args:
        parameters: Tables whose gradients are sparse.
        lr: The peak learning rate.
        beta2: Decay rate of the mean square, a step.
        frequent: The rows of each table that are learned, (R,) of bool; all where None.
        world: The processes that train together: a row moves by the gradients of all.
    """

    state_names = ("grad_mean_square",)

    def __init__(
        self,
        parameters: Iterable[torch.nn.Parameter],
        lr: float,
        *,
        beta2: float,
        frequent: torch.Tensor | None = None,
        world: World = SINGLE_PROCESS,
    ) -> None:
        super().__init__(parameters, lr)
        self.beta2 = beta2
        self.frequent = frequent
        self.world = world

    @torch.no_grad()
    def step(self, step: int, lr_scale: float) -> None:
        for table in self.parameters:
            if table.grad is None:
                continue
            rows, gradients = map(self._gathered, sparse_rows(table.grad))  # (K,), (K, E)
            # The gradient of a mean over processes is theirs over the number of them.
            gradients = gradients / self.world.world_size
            mean_square = self.state_of(table)["grad_mean_square"]
            # Padding has none: how much of it a process adds must not count.
            used = gradients.any(dim=1).sum().clamp(min=1) * gradients.shape[1]
            mean_square.lerp_(gradients.square().sum() / used, 1.0 - self.beta2)
            # As in Adam: the mean of the steps so far, which began at 0.
            root = (mean_square / (1.0 - self.beta2 ** (step + 1))).sqrt()
            if self.frequent is not None:
                rows, gradients = rows[learned := self.frequent[rows]], gradients[learned]
            table.index_add_(0, rows, gradients / (root + 1e-8), alpha=-self.lr * lr_scale)

    def _new_state(self, parameter: torch.nn.Parameter) -> torch.Tensor:
        return parameter.new_zeros((), requires_grad=False)  # one number for a whole table

    def _gathered(self, own: torch.Tensor) -> torch.Tensor:
        """The tensors of all processes, one after the other; each has a length of its own."""
        if self.world.world_size == 1:
            return own
        lengths = [int(each) for each in self.world.all_gather(torch.tensor(len(own)))]
        padded = own.new_zeros(max(lengths), *own.shape[1:])
        padded[: len(own)] = own
        parts = self.world.all_gather(padded)
        return torch.cat([part[:n] for part, n in zip(parts, lengths, strict=True)])
