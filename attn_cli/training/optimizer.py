"""What an optimizer is here: it moves parameters by their gradients, and remembers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch


class Optimizer(ABC):
    """Moves some parameters, all by the same rule and step size.

    The part of `torch.optim.Optimizer` that a run needs. That class itself imports
    torch's compiler when it is made, and a second of every start with it.

    Attributes:
        parameters: What it moves.
        lr: The highest step size; a schedule gives the share of it.
        state: What it remembers of each parameter, by name; saved in checkpoints.
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], lr: float) -> None:
        self.parameters = list(parameters)
        self.lr = lr
        self.state: dict[torch.nn.Parameter, dict[str, torch.Tensor]] = {}

    @abstractmethod
    def step(self, done: int, share: float) -> None:
        """Moves every parameter that has a gradient.

        Args:
            done: Steps before this one.
            share: The step size, as a share of `lr`.
        """
