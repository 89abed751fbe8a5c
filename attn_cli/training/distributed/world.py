"""The processes that train one model: by default this one alone, with `torchrun` several.

The trainer asks its `World` for everything that all processes have to agree on, so that it
reads the same for one process and for many. `torch_world.py` has the many, and is not
imported where there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attn_cli.errors import AttnError

# A command that is refused should not have waited for torch.
if TYPE_CHECKING:
    import torch

    from attn_cli.model.stack import Stack
    from attn_cli.training.precision import MixedPrecisionModel, Precision


class World:
    """A single process: every collective returns what this process put in.

    Attributes:
        rank: The number of this process, from 0.
        world_size: How many processes there are.
        local_rank: The number of this process on its host.
        local_world_size: How many processes its host has.
    """

    rank = 0
    world_size = 1
    local_rank = 0
    local_world_size = 1

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, the one that writes, prints and samples."""
        return self.rank == 0

    @property
    def launcher_died(self) -> bool:
        """Whether the `torchrun` that started this process, and would end it, is gone."""
        return False

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        return flag

    def all(self, flag: bool) -> bool:
        """Whether the flag is set in every process."""
        return not self.any(not flag)

    def all_reduce_sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum over the processes, element by element: a new tensor without a gradient."""
        return tensor.detach()

    def broadcast(self, number: float) -> float:
        """Rank 0's number; for what depends on a clock and has to be the same in all."""
        return number

    def broadcast_text(self, text: str) -> str:
        """Rank 0's text."""
        return text

    def all_gather(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        """The tensors of all processes, by rank; all have one shape and dtype."""
        return [tensor]

    def barrier(self) -> None:
        """Returns when every process has called it."""

    def wrap_model(self, model: Stack, precision: Precision) -> MixedPrecisionModel:
        """The model ready to train, its gradients averaged over the processes."""
        from attn_cli.training.precision import MixedPrecisionModel

        return MixedPrecisionModel(model, precision)

    def distribute(
        self, function: Callable[[torch.Tensor], torch.Tensor], stacked: torch.Tensor
    ) -> torch.Tensor:
        """`function(stacked)`, of which each process computes some rows.

        Args:
            function: Of N independent rows, (N, ...); returns as many.
            stacked: The same rows in every process.
        """
        return function(stacked)


SINGLE_PROCESS = World()


class PeerLostError(AttnError):
    """Another process of the run has ended or cannot be reached any more."""
