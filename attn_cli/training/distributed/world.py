"""The processes that train one model together: without `torchrun`, this one alone.

The trainer asks here for whatever all have to agree on, so that it reads the same for
one process and for many. `distributed/torch_world.py` has the many; nothing of it is imported
where there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attn_cli.errors import AttnError

# A command that is refused should not have waited for torch.
if TYPE_CHECKING:
    import torch

    from attn_cli.model.transformer import Transformer
    from attn_cli.training.precision import Precision, WorkingModel


class World:
    """This process alone; all that it asks the others for is its own.

    Attributes:
        rank: Its number, from 0.
        world_size: How many there are.
        local_rank: Its number among those of its host.
        local_world_size: How many its host has.
    """

    rank = 0
    world_size = 1
    local_rank = 0
    local_world_size = 1

    @property
    def is_main(self) -> bool:
        """Whether it is the one that writes, prints and draws."""
        return self.rank == 0

    @property
    def launcher_died(self) -> bool:
        """Whether what started the processes, and would end them, is there no more."""
        return False

    def any(self, flag: bool) -> bool:
        """Whether any process raised the flag."""
        return flag

    def all(self, flag: bool) -> bool:
        """Whether every process raised it."""
        return not self.any(not flag)

    def all_reduce_mean(self, value: torch.Tensor) -> torch.Tensor:
        """The mean over the processes, element by element."""
        return value

    def all_reduce_sum(self, *numbers: float) -> list[float]:
        """Each number summed over the processes, in double precision."""
        return list(numbers)

    def broadcast(self, number: float) -> float:
        """The first process's number: what follows from a clock has to be the same for all."""
        return number

    def broadcast_text(self, text: str) -> str:
        """The first process's text."""
        return text

    def all_gather(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        """The tensors of all processes, by rank; all of one shape and format."""
        return [tensor]

    def barrier(self) -> None:
        """Until every process has come to here."""

    def wait_for_the_end(self, asked: Callable[[], bool]) -> None:
        """After another process was lost: until this one is told to end, or for a while.

        A launcher should see that the other one was the first.

        Args:
            asked: Whether it was told.
        """

    def wrap_model(self, model: Transformer, precision: Precision) -> WorkingModel:
        """What computes for a model that learns, alone or with its like in the others."""
        from attn_cli.training.precision import WorkingModel

        return WorkingModel(model, precision)

    def distribute(
        self, function: Callable[[torch.Tensor], torch.Tensor], stacked: torch.Tensor
    ) -> torch.Tensor:
        """`function(stacked)`, computed in parts: each process takes some of the rows.

        Args:
            function: Of N independent rows, (N, ...); returns as many.
            stacked: The same rows in every process.
        """
        return function(stacked)


SINGLE_PROCESS = World()


class PeerLostError(AttnError):
    """Another process of the run has ended; why, it has said itself, unless it was killed."""
