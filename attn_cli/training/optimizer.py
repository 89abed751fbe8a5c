"""What an optimizer is here: it moves parameters by their gradients, and remembers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar

import torch

from attn_cli.errors import CheckpointError

# What is remembered of each parameter, by name.
Memories = Mapping[torch.nn.Parameter, Mapping[str, torch.Tensor]]


class Optimizer(ABC):
    """Moves some parameters, all by the same rule and step size.

    The part of `torch.optim.Optimizer` that a run needs. That class itself imports
    torch's compiler when it is made, and a second of every start with it.

    Attributes:
        remembers: The names of what it remembers of each parameter.
        parameters: What it moves.
        lr: The highest step size; a schedule gives the share of it.
        state: What it remembers of each parameter, by name; saved in checkpoints.
    """

    remembers: ClassVar[tuple[str, ...]]

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

    def memory(self, parameter: torch.nn.Parameter) -> dict[str, torch.Tensor]:
        """What it remembers of a parameter; zeros before its first step."""
        if parameter not in self.state:
            self.state[parameter] = {
                name: torch.zeros_like(parameter, requires_grad=False) for name in self.remembers
            }
        return self.state[parameter]

    def restore(self, memories: Memories) -> None:
        """Takes over what an optimizer of the same kind remembered.

        Raises:
            CheckpointError: It is not what this one remembers.
        """
        for parameter in self.parameters:
            saved = memories.get(parameter, {})
            if set(saved) not in (set(), set(self.remembers)):
                raise CheckpointError(
                    f"the checkpoint remembers {', '.join(sorted(saved))} of a parameter, "
                    f"and this optimizer {', '.join(self.remembers)}"
                )
            for name, tensor in saved.items():
                self.memory(parameter)[name].copy_(tensor)
