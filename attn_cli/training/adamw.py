"""AdamW (Loshchilov & Hutter 2019), by torch's fused kernel."""

from collections.abc import Iterable

import torch
from torch.optim.adamw import adamw

from attn_cli.training.optimizer import Optimizer


class AdamW(Optimizer):
    """Each parameter moves by its mean gradient over the root of its mean squared gradient.

    Args:
        parameters: What it updates.
        lr: The peak learning rate.
        betas: Decay rates of the first and second moment.
        weight_decay: Decoupled weight decay, multiplied by the learning rate.
    """

    state_names = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        parameters: Iterable[torch.nn.Parameter],
        lr: float,
        *,
        betas: tuple[float, float],
        weight_decay: float,
    ) -> None:
        super().__init__(parameters, lr)
        self.betas = betas
        self.weight_decay = weight_decay

    @torch.no_grad()
    def step(self, step: int, lr_scale: float) -> None:
        moved = [parameter for parameter in self.parameters if parameter.grad is not None]
        if not moved:
            return
        states = [self.state_of(parameter) for parameter in moved]
        # The kernel adds one to each, and corrects the means by it for their start at 0.
        steps = torch.full((len(moved),), float(step), device=moved[0].device).unbind()
        adamw(
            [*moved],
            [parameter.grad for parameter in moved if parameter.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            list(steps),
            fused=True,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=self.lr * lr_scale,
            weight_decay=self.weight_decay,
            eps=1e-8,
            maximize=False,
        )
