"""A whole model in each process: torch's DistributedDataParallel (Li et al. 2020).

Each process computes the gradients of its part of the batch; their mean is the gradient
of the whole batch, and every process makes the same step with it.
"""

# Annotations are not put off here: torch reads those of its hooks.

import inspect
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import distributed as dist
from torch._C._distributed_c10d import GradBucket
from torch.nn.parallel import DistributedDataParallel

from attn_cli.model.transformer import Transformer
from attn_cli.training.distributed.torch_world import translate_peer_errors
from attn_cli.training.precision import Precision, WorkingModel

# Of gradients that are sent together. A CPU that sends does not compute meanwhile: few large
# messages are faster there (benchmarks/LOG.md). A GPU does both: torch's own default.
BUCKET_MIB = {"cpu": 100, "cuda": 25}

# Newer versions of torch have another name for it, and warn of the old one.
_NAMES = inspect.signature(DistributedDataParallel).parameters
_KEEPS_BUFFERS: dict[str, Any] = {
    "forward_sync_buffers" if "forward_sync_buffers" in _NAMES else "broadcast_buffers": False
}


class DDPModel(WorkingModel):
    """The working model of one process, whose gradients are the mean of all processes'.

    In fp32 they are torch's own, which are sent while the backward pass goes on. In bf16
    what is sent and summed is fp32 all the same, with the gradients of earlier pieces in
    it, so that the number of processes changes no more than the order of a sum.

    Args:
        master: The model that learns, the same in all processes.
        precision: The format to compute in.
    """

    def __init__(self, master: Transformer, precision: Precision) -> None:
        super().__init__(master, precision)
        device = master.token_embedding.weight.device
        with translate_peer_errors():
            self._parallel = DistributedDataParallel(
                self.model,
                device_ids=[device] if device.type == "cuda" else None,
                bucket_cap_mb=BUCKET_MIB[device.type],
                gradient_as_bucket_view=True,
                **_KEEPS_BUFFERS,  # tables of positions, which never change
            )
        self._sum = _Fp32AllReduceHook(dict(zip(self._worked, self._learned, strict=True)))
        if self.model is not self.master:
            self._parallel.register_comm_hook(self._sum, _send_in_fp32)
        self.trained = self._parallel
        self._warm_up_buckets(device)

    def train_with(self, model: Transformer) -> None:
        # Its parameters are those that are listened to already.
        self._parallel.module = model

    def _warm_up_buckets(self, device: torch.device) -> None:
        """Lets torch put its buckets into the order in which gradients come.

        It does so after the first backward pass. With three processes or more the order
        of a sum follows from its place in a bucket: a run that goes on would begin with
        another one than it had.
        """
        ids = torch.zeros(1, 1, dtype=torch.int64, device=device)
        generators = torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])
        with generators, self.piece(last=True):
            self.trained(ids).sum().backward()
        for parameter in (*self._learned, *self._worked):
            parameter.grad = None

    @contextmanager
    def piece(self, *, last: bool) -> Iterator[None]:
        with nullcontext() if last else self._parallel.no_sync(), translate_peer_errors():
            yield
        if not last:
            self.collect_gradients()
        elif self.model is not self.master:
            self._sum.hand_over()
            for worked in self._worked:
                worked.grad = None


class _Fp32AllReduceHook:
    """Gradients of bf16 weights, summed over pieces and processes in fp32.

    Args:
        learned_by: The fp32 parameter of each bf16 one.
    """

    # It knows nothing of the module that sends by it: torch keeps it alive, and with it
    # would keep threads that have to end before the process does.
    def __init__(self, learned_by: dict[torch.Tensor, torch.Tensor]) -> None:
        self._learned_by = learned_by
        self._sums: list[tuple[list[torch.Tensor], torch.Tensor]] = []

    def flat(self, bucket: GradBucket) -> torch.Tensor:
        """A bucket's gradients with those of the pieces before, over the number of processes.

        Returns:
            One after the other, in fp32; once summed over the processes, `hand_over` takes it.
        """
        learned = [self._learned_by[worked] for worked in bucket.parameters()]
        flat = bucket.buffer().float()
        for parameter, part in _parts(flat, learned):
            if parameter.grad is not None:
                part += parameter.grad
        flat /= dist.get_world_size()
        self._sums.append((learned, flat))
        return flat

    def hand_over(self) -> None:
        """Makes the sums the gradients of the parameters that learn."""
        for learned, flat in self._sums:
            for parameter, part in _parts(flat, learned):
                parameter.grad = part
        self._sums.clear()


def _send_in_fp32(
    sums: _Fp32AllReduceHook, bucket: GradBucket
) -> torch.futures.Future[torch.Tensor]:
    """A hook of DistributedDataParallel, in place of its own sending."""
    work = dist.all_reduce(sums.flat(bucket), async_op=True)
    assert work is not None
    sent: torch.futures.Future[torch.Tensor] = work.get_future().then(lambda _: bucket.buffer())
    return sent


def _parts(
    flat: torch.Tensor, parameters: list[torch.Tensor]
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Each parameter with its part of a flat tensor, in its shape."""
    begin = 0
    for parameter in parameters:
        end = begin + parameter.numel()
        yield parameter, flat[begin:end].view_as(parameter)
        begin = end
