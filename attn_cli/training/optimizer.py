"""The base class of the optimizers, and what their state is."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar

import torch

from attn_cli.errors import CheckpointError

# The tensors kept for each parameter, by name.
OptimizerState = Mapping[torch.nn.Parameter, Mapping[str, torch.Tensor]]


class Optimizer(ABC):
    """Updates some parameters, all by the same rule and learning rate.

    The part of `torch.optim.Optimizer` that a run needs. That class itself imports
    torch's compiler when it is made, and a second of every start with it.

    Attributes:
        state_names: The names of the tensors that it keeps for each parameter.
        parameters: What it updates.
        lr: The peak learning rate; the schedule scales it.
        state: The tensors kept for each parameter, by name; saved in checkpoints.
    """

    state_names: ClassVar[tuple[str, ...]]

    def __init__(self, parameters: Iterable[torch.nn.Parameter], lr: float) -> None:
        self.parameters = list(parameters)
        self.lr = lr
        self.state: dict[torch.nn.Parameter, dict[str, torch.Tensor]] = {}

    @abstractmethod
    def step(self, step: int, lr_scale: float) -> None:
        """Updates every parameter that has a gradient.

        Args:
            step: Steps before this one.
            lr_scale: The learning rate as a fraction of `lr`.
        """

    def state_of(self, parameter: torch.nn.Parameter) -> dict[str, torch.Tensor]:
        """The state of a parameter; zeros before its first step."""
        if parameter not in self.state:
            self.state[parameter] = {name: self._new_state(parameter) for name in self.state_names}
        return self.state[parameter]

    def _new_state(self, parameter: torch.nn.Parameter) -> torch.Tensor:
        """One tensor of the state, before the first step: zeros."""
        return torch.zeros_like(parameter, requires_grad=False)

    def load_state(self, states: OptimizerState) -> None:
        """Copies the state of an optimizer of the same kind.

        Raises:
            CheckpointError: It is the state of another kind of optimizer.
        """
        for parameter in self.parameters:
            saved = states.get(parameter, {})
            if set(saved) not in (set(), set(self.state_names)):
                raise CheckpointError(
                    f"the checkpoint's optimizer state is {', '.join(sorted(saved))}, "
                    f"and this optimizer needs {', '.join(self.state_names)}"
                )
            for name, tensor in saved.items():
                self.state_of(parameter)[name].copy_(tensor)
