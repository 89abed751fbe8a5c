"""Joining the other processes of a run, and agreeing with them.

Small facts (configurations, paths, who failed) go through the store in which the
processes find one another, numbers and tensors through gloo on a CPU and NCCL on CUDA.
"""

from __future__ import annotations

import atexit
import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import distributed as dist
from torch.distributed.distributed_c10d import Store, _set_pg_timeout

from attn_cli.errors import OperationError
from attn_cli.model.transformer import Transformer
from attn_cli.training.distributed.interface import interface_towards
from attn_cli.training.distributed.meeting import RENDEZVOUS_TIMEOUT, meet, not_met
from attn_cli.training.distributed.torchrun_env import TorchrunEnv
from attn_cli.training.distributed.world import PeerLostError, World
from attn_cli.training.precision import Precision, WorkingModel

# For all to come to the same place later: one may be encoding a text that others have in a cache.
COLLECTIVE_TIMEOUT = timedelta(minutes=30)
# For another process that fails, too, to say so first.
SAME_FAILURE = 2.0  # seconds
# For the launcher to end this process after another one has failed.
ENDING = 5.0  # seconds


def init_distributed(env: TorchrunEnv) -> TorchWorld:
    """Makes this process one of several; `TorchWorld.shutdown` undoes it.

    Raises:
        OperationError: The others did not come.
    """
    _use_share_of_cores(env)
    store = meet(env)
    if env.n_nodes > 1 and "GLOO_SOCKET_IFNAME" not in os.environ:
        interface = interface_towards(env.address)
        if interface is not None:
            os.environ["GLOO_SOCKET_IFNAME"] = interface
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        dist.init_process_group(
            backend,
            store=store,
            rank=env.rank,
            world_size=env.world_size,
            timeout=RENDEZVOUS_TIMEOUT,
        )
    except RuntimeError as error:
        raise not_met(env, str(error).partition("\n")[0]) from None
    _set_pg_timeout(COLLECTIVE_TIMEOUT)
    if backend == "gloo":
        # Its threads have to end before the process does, however that ends. Those of NCCL
        # might wait for the other processes, where something has failed.
        atexit.register(_end)
    world = TorchWorld(env, store)
    world.barrier()  # Were one to leave now, another might still be looking for it.
    return world


class TorchWorld(World):
    """Several processes, seen from one of them.

    The methods of `World` have to be called by all, in the same order; each raises a
    `PeerLostError` where another process has ended. Those of its own any may call, alone.

    Args:
        env: What `torchrun` says.
        store: Where they have met.
    """

    def __init__(self, env: TorchrunEnv, store: Store) -> None:
        self.rank, self.world_size = env.rank, env.world_size
        self.local_rank, self.local_world_size = env.local_rank, env.local_world_size
        self._store = store
        self._launcher = os.getppid() if env.by_torchrun else None
        self._exchanges = 0
        store.set_timeout(COLLECTIVE_TIMEOUT)

    @property
    def launcher_died(self) -> bool:
        return self._launcher is not None and os.getppid() != self._launcher

    def any(self, flag: bool) -> bool:
        return self.all_reduce_sum(float(flag))[0] > 0

    def all_reduce_mean(self, value: torch.Tensor) -> torch.Tensor:
        total = value.clone()
        with translate_peer_errors():
            dist.all_reduce(total)
        return total / self.world_size

    def all_reduce_sum(self, *numbers: float) -> list[float]:
        summed = torch.tensor(numbers, dtype=torch.float64)
        with translate_peer_errors():
            dist.all_reduce(summed)
        result: list[float] = summed.tolist()
        return result

    def broadcast(self, number: float) -> float:
        value = torch.tensor(number, dtype=torch.float64)
        with translate_peer_errors():
            dist.broadcast(value, 0)
        return float(value)

    def broadcast_text(self, text: str) -> str:
        return self.all_gather_text(text if self.is_main else "")[0]

    def all_gather_text(self, text: str) -> list[str]:
        """The texts of all processes, by rank."""
        self._exchanges += 1
        with translate_peer_errors():
            self._store.set(f"exchange/{self._exchanges}/{self.rank}", text)
            # The store would wait for one that has ended, and gloo does not.
            self.barrier()
            return [
                self._store.get(f"exchange/{self._exchanges}/{rank}").decode()
                for rank in range(self.world_size)
            ]

    def all_gather(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        parts = [torch.empty_like(tensor) for _ in range(self.world_size)]
        with translate_peer_errors():
            dist.all_gather(parts, tensor)
        return parts

    def barrier(self) -> None:
        self.all_reduce_sum(0.0)

    def wait_for_the_end(self, asked: Callable[[], bool]) -> None:
        end = time.monotonic() + ENDING
        while not asked() and time.monotonic() < end:
            time.sleep(0.05)

    def wrap_model(self, model: Transformer, precision: Precision) -> WorkingModel:
        from attn_cli.training.distributed.ddp import DDPModel

        with translate_peer_errors():
            # Hosts may differ in the last digits of what they drew.
            for parameter in model.parameters():
                dist.broadcast(parameter.detach(), 0)
        return DDPModel(model, precision)

    def distribute(
        self, function: Callable[[torch.Tensor], torch.Tensor], stacked: torch.Tensor
    ) -> torch.Tensor:
        number = len(stacked)
        each = -(-number // self.world_size)
        # Those past the end compute the last row again, so that all parts are of one shape.
        own = torch.arange(self.rank * each, (self.rank + 1) * each).clamp(max=number - 1)
        return torch.cat(self.all_gather(function(stacked[own])))[:number]

    def shutdown(self) -> None:
        """Ends what joined the processes, where all are done."""
        _end()

    def claim_error_report(self) -> bool:
        """Whether no other process has asked this before."""
        try:
            return self._store.add("spoken", 1) == 1
        except RuntimeError:  # the store has gone with the process that held it
            return True

    def lower_rank_failed_too(self, message: str) -> bool:
        """Whether a process of a lower rank failed for the same reason, and says so itself."""
        try:
            self._store.set(f"failed/{self.rank}", message)
            end = time.monotonic() + (SAME_FAILURE if self.rank else 0.0)
            while True:
                for key in (f"failed/{rank}" for rank in range(self.rank)):
                    if self._store.check([key]) and self._store.get(key).decode() == message:
                        return True
                if time.monotonic() >= end:
                    return False
                time.sleep(0.05)
        except RuntimeError:  # the store has gone with the process that held it
            return False


def _end() -> None:
    if dist.is_initialized():
        gc.collect()  # What trained has cycles, and holds on to them.
        dist.destroy_process_group()


@contextmanager
def translate_peer_errors() -> Iterator[None]:
    """Within it, what fails because another process has ended is told as that.

    Raises:
        PeerLostError: In place of the errors of gloo, NCCL and the store.
        OperationError: In place of their others.
    """
    try:
        yield
    except RuntimeError as error:
        # gloo's errors have no class of their own.
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):
            raise
        if any(sign in str(error) for sign in _SIGNS_OF_LOSS):
            raise PeerLostError("another process of this run has ended") from error
        what = str(error).partition("\n")[0]
        raise OperationError(f"the processes do not reach one another any more: {what}") from error


_SIGNS_OF_LOSS = ("closed by peer", "reset by peer", "Broken pipe", "likely closed",
                  "remote process exited", "pair closure", "failed to recv")  # fmt: skip


def _use_share_of_cores(env: TorchrunEnv) -> None:
    """A share of the cores for each process of a host.

    `torchrun` sets OMP_NUM_THREADS to 1 where it is not set, which leaves cores idle where
    there are more of them than processes. Another number is somebody's choice.
    """
    if os.environ.get("OMP_NUM_THREADS", "1") == "1":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        torch.set_num_threads(max(1, (cores or 1) // env.local_world_size))
