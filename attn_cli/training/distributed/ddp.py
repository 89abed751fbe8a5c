"""A copy of the model in each process: torch's DistributedDataParallel (Li et al. 2020).

Each process computes the gradients of its part of the batch; their mean is the gradient
of the whole batch, and every process makes the same step with it.
"""

# Annotations are not deferred here: torch reads those of its hooks.

import inspect
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from attn_cli.model.stack import Stack
from attn_cli.training.distributed.torch_world import translate_peer_errors
from attn_cli.training.precision import MixedPrecisionModel, Precision
from attn_cli.training.private_torch import ignore_in_ddp

# Of gradients that are sent together. A CPU that sends does not compute meanwhile: few large
# messages are faster there (benchmarks/LOG.md). A GPU does both: torch's own default.
BUCKET_MIB = {"cpu": 100, "cuda": 25}

# Newer versions of torch have another name for it, and warn of the old one.
_ARGUMENTS = inspect.signature(DistributedDataParallel).parameters
_NO_BUFFER_SYNC: dict[str, Any] = {
    "forward_sync_buffers" if "forward_sync_buffers" in _ARGUMENTS else "broadcast_buffers": False
}


class DDPModel(MixedPrecisionModel):
    """A MixedPrecisionModel whose gradients are averaged over all processes.

    In fp32 DistributedDataParallel averages them while the backward pass still runs. In bf16
    it is fp32 sums that are sent all the same, those of earlier micro-batches included, so
    that the number of processes changes no more than the order of a sum.

    Args:
        master: The model to train, the same in all processes.
        precision: The dtype to compute in.
    """

    def __init__(self, master: Stack, precision: Precision) -> None:
        super().__init__(master, precision)
        device = next(master.parameters()).device
        tables = {id(table) for table in self.compute.tables()}
        # Their optimizer gathers the few rows that a step has touched.
        ignore_in_ddp(
            self.compute, [name for name, p in self.compute.named_parameters() if id(p) in tables]
        )
        with translate_peer_errors():
            self._parallel = DistributedDataParallel(
                self.compute,
                device_ids=[device] if device.type == "cuda" else None,
                bucket_cap_mb=BUCKET_MIB[device.type],
                gradient_as_bucket_view=True,
                **_NO_BUFFER_SYNC,  # tables of positions, which never change
            )
        self._hook = _Fp32AllReduceHook(
            dict(zip(self._compute_params, self._master_params, strict=True))
        )
        if self.compute is not self.master:
            self._parallel.register_comm_hook(self._hook, _all_reduce_in_fp32)
        self.forward_model = self._parallel
        self._warm_up_buckets(device)

    def set_forward_model(self, model: Stack) -> None:
        # Its parameters are the same, and have DistributedDataParallel's hooks already.
        self._parallel.module = model

    def _warm_up_buckets(self, device: torch.device) -> None:
        """Lets torch order its buckets as gradients arrive, which it does after one backward pass.

        With three processes or more the order of a sum depends on its place in a bucket: a
        resumed run would begin with another order than it had.
        """
        # One for each text that the model reads: an encoder-decoder has a source, too.
        texts = [torch.zeros(1, 1, dtype=torch.int64, device=device)] * len(self.compute.stacks())
        generators = torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])
        with generators, self.micro_batch(last=True):
            self.forward_model(*texts).sum().backward()
        for parameter in (*self.master.parameters(), *self.compute.parameters()):
            parameter.grad = None

    @contextmanager
    def micro_batch(self, *, last: bool) -> Iterator[None]:
        with nullcontext() if last else self._parallel.no_sync(), translate_peer_errors():
            yield
        if not last:
            self.accumulate_gradients()
        elif self.compute is not self.master:
            self._hook.set_gradients()
            for parameter in self._compute_params:
                parameter.grad = None


class _Fp32AllReduceHook:
    """Sums the gradients of bf16 weights over micro-batches and processes in fp32.

    Args:
        master_of: The fp32 parameter of each bf16 one.
    """

    # It does not know the module that sends by it: torch keeps it alive, and with the module
    # it would keep threads that have to end before the process does.
    def __init__(self, master_of: dict[torch.Tensor, torch.Tensor]) -> None:
        self._master_of = master_of
        self._sums: list[tuple[list[torch.Tensor], torch.Tensor]] = []

    def flatten(self, bucket: dist.GradBucket) -> torch.Tensor:  # type: ignore[name-defined]
        """A bucket's gradients plus those of earlier micro-batches, over the number of processes.

        Returns:
            One after the other, in fp32; once summed over the processes, `set_gradients` uses it.
        """
        masters = [self._master_of[compute] for compute in bucket.parameters()]
        flat: torch.Tensor = bucket.buffer().float()
        for parameter, part in _slices(flat, masters):
            if parameter.grad is not None:
                part += parameter.grad
        flat /= dist.get_world_size()
        self._sums.append((masters, flat))
        return flat

    def set_gradients(self) -> None:
        """Makes the sums the gradients of the master parameters."""
        for masters, flat in self._sums:
            for parameter, part in _slices(flat, masters):
                parameter.grad = part
        self._sums.clear()


def _all_reduce_in_fp32(
    hook: _Fp32AllReduceHook,
    bucket: dist.GradBucket,  # type: ignore[name-defined]
) -> torch.futures.Future[torch.Tensor]:
    """A communication hook of DistributedDataParallel, in place of its own all-reduce."""
    work = dist.all_reduce(hook.flatten(bucket), async_op=True)
    assert work is not None
    sent: torch.futures.Future[torch.Tensor] = work.get_future().then(lambda _: bucket.buffer())
    return sent


def _slices(
    flat: torch.Tensor, parameters: list[torch.Tensor]
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Each parameter with its slice of a flat tensor, in its shape."""
    begin = 0
    for parameter in parameters:
        end = begin + parameter.numel()
        yield parameter, flat[begin:end].view_as(parameter)
        begin = end
