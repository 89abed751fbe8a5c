"""The World of a process that `torchrun` started: gloo on CPUs, NCCL on CUDA."""

from __future__ import annotations

import atexit
import gc
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from attn_cli.errors import OperationError
from attn_cli.model.stack import Stack
from attn_cli.training.distributed.torchrun_env import TorchrunEnv
from attn_cli.training.distributed.world import PeerLostError, World
from attn_cli.training.precision import MixedPrecisionModel, Precision
from attn_cli.training.private_torch import set_group_timeout

# For all processes to connect to each other, from when the first one tries.
RENDEZVOUS_TIMEOUT = timedelta(seconds=20)
# For all to reach the same collective: one may be encoding a text that others have cached.
COLLECTIVE_TIMEOUT = timedelta(minutes=30)


def init_distributed(env: TorchrunEnv) -> TorchWorld:
    """The world of this process, connected to all others; `TorchWorld.shutdown` disconnects it.

    Raises:
        OperationError: The others did not come, or cannot be reached.
    """
    _use_share_of_cores(env)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        store, rank, world_size = next(rendezvous("env://", timeout=RENDEZVOUS_TIMEOUT))
        if env.n_nodes == 1:
            # torchrun keeps one store over all restarts, with addresses of processes that are
            # gone. On several hosts only TORCH_DISABLE_SHARE_RDZV_TCP_STORE gives a new one.
            store = PrefixStore(f"restart-{env.restarts}", store)
        dist.init_process_group(
            backend, store=store, rank=rank, world_size=world_size, timeout=RENDEZVOUS_TIMEOUT
        )
    except (RuntimeError, ValueError) as error:
        raise OperationError(
            f"the {env.world_size} processes of this run did not connect at {env.address} "
            f"within {RENDEZVOUS_TIMEOUT.seconds} s: {_reason(error)}",
            "start torchrun on each host with the same --rdzv-endpoint; where hosts have several "
            "networks, name the common one, for example GLOO_SOCKET_IFNAME=eth0",
        ) from None
    set_group_timeout(COLLECTIVE_TIMEOUT)
    if backend == "gloo":
        # Its threads have to end before the process does, however that ends. Those of NCCL
        # might wait for the other processes, where something has failed.
        atexit.register(_destroy_process_group)
    world = TorchWorld(env, store)
    world.barrier()  # Were one to leave now, another might still be connecting to it.
    return world


class TorchWorld(World):
    """All processes that `torchrun` started, seen from one of them.

    Each method of `World` is a collective: all processes have to call it, in the same order. It
    raises a `PeerLostError` if another process has ended.

    Args:
        env: What `torchrun` says.
        store: Where the processes have found each other.
    """

    def __init__(self, env: TorchrunEnv, store: Store) -> None:
        self.rank, self.world_size = env.rank, env.world_size
        self.local_rank, self.local_world_size = env.local_rank, env.local_world_size
        self._store = store
        self._launcher = os.getppid() if env.by_torchrun else None

    @property
    def launcher_died(self) -> bool:
        return self._launcher is not None and os.getppid() != self._launcher

    def any(self, flag: bool) -> bool:
        return self.all_reduce_sum(torch.tensor(float(flag))).item() > 0

    def all_reduce_sum(self, tensor: torch.Tensor) -> torch.Tensor:
        total = tensor.detach().clone()
        with translate_peer_errors():
            dist.all_reduce(total)
        return total

    def broadcast(self, number: float) -> float:
        value = torch.tensor(number, dtype=torch.float64)
        with translate_peer_errors():
            dist.broadcast(value, src=0)
        return value.item()

    def broadcast_text(self, text: str) -> str:
        encoded = text.encode("utf-8")
        length = int(self.broadcast(len(encoded)))
        # Only rank 0's bytes count; the others give room for as many.
        data = torch.tensor(list(encoded if self.is_main else bytes(length)), dtype=torch.uint8)
        with translate_peer_errors():
            dist.broadcast(data, src=0)
        return bytes(data.tolist()).decode("utf-8")

    def all_gather(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        gathered = [torch.empty_like(tensor) for _ in range(self.world_size)]
        with translate_peer_errors():
            dist.all_gather(gathered, tensor)
        return gathered

    def barrier(self) -> None:
        self.any(False)

    def wrap_model(self, model: Stack, precision: Precision) -> MixedPrecisionModel:
        from attn_cli.training.distributed.ddp import DDPModel

        with translate_peer_errors():
            # Hosts may differ in the last digits of what they drew.
            for parameter in model.parameters():
                dist.broadcast(parameter.detach(), src=0)
        return DDPModel(model, precision)

    def distribute(
        self, function: Callable[[torch.Tensor], torch.Tensor], stacked: torch.Tensor
    ) -> torch.Tensor:
        number = len(stacked)
        each = -(-number // self.world_size)
        # Those past the end compute the last row again, so that all results are of one shape.
        own = torch.arange(self.rank * each, (self.rank + 1) * each).clamp(max=number - 1)
        return torch.cat(self.all_gather(function(stacked[own])))[:number]

    def shutdown(self) -> None:
        """Disconnects from the others, when all are done."""
        _destroy_process_group()

    def claim_error_report(self) -> bool:
        """Whether no other process has claimed it before; no collective: any may call it alone."""
        try:
            return bool(self._store.add("error reports", 1) == 1)
        except RuntimeError:  # The store is gone with the process that held it.
            return True


@contextmanager
def translate_peer_errors() -> Iterator[None]:
    """Context manager: translates errors of gloo, NCCL and the store into a PeerLostError."""
    try:
        yield
    except RuntimeError as error:
        # gloo's errors have no class of their own.
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):
            raise
        raise PeerLostError(
            f"lost the connection to another process of this run: {_reason(error)}",
            "earlier checkpoints are intact",
        ) from error


def _reason(error: Exception) -> str:
    """The first line of an error of torch, without the place in its source."""
    first_line = str(error).partition("\n")[0]
    return re.sub(r"\[\S*/\S*\] ", "", first_line).rstrip(". ")


def _destroy_process_group() -> None:
    if dist.is_initialized():
        gc.collect()  # DistributedDataParallel stands in reference cycles, and has threads.
        dist.destroy_process_group()


def _use_share_of_cores(env: TorchrunEnv) -> None:
    """Gives each process of a host an equal share of its cores.

    `torchrun` sets OMP_NUM_THREADS to 1 where it is not set, which leaves cores idle where
    there are more of them than processes. Any other number is the user's choice.
    """
    if os.environ.get("OMP_NUM_THREADS", "1") == "1":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        torch.set_num_threads(max(1, (cores or 1) // env.local_world_size))
