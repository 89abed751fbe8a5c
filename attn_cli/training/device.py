"""Where to compute."""

from typing import Literal

import torch

from attn_cli.errors import DeviceError
from attn_cli.training.distributed.world import SINGLE_PROCESS, World


def choose_device(
    wanted: Literal["auto", "cpu", "cuda", "mps"], world: World = SINGLE_PROCESS
) -> torch.device:
    """The device that was asked for; for `auto`, the first of cuda, mps, cpu that is there.

    Of several processes on a host, each takes a GPU of its own.

    Raises:
        DeviceError: This machine or this build of torch does not have it, or the
            processes cannot share it.
    """
    alone = world.world_size == 1
    if wanted == "mps" and not alone:
        raise DeviceError(
            f"{world.world_size} processes cannot share the device mps",
            "train with a single process, or set train.device=cpu",
        )
    available = ["cpu"]
    if torch.backends.mps.is_available() and alone:
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available.insert(0, "cuda")
    if wanted == "auto":
        return _own(torch.device(available[0]), world)
    if wanted not in available:
        raise DeviceError(
            f"device {wanted} is not available on this machine", f"here: {', '.join(available)}"
        )
    return _own(torch.device(wanted), world)


def _own(device: torch.device, world: World) -> torch.device:
    """The device, with the GPU of this process if there are several of both."""
    if device.type != "cuda" or world.world_size == 1:
        return device
    if world.local_world_size > torch.cuda.device_count():
        raise DeviceError(
            f"{world.local_world_size} processes on this host, but only "
            f"{torch.cuda.device_count()} GPUs",
            "start no more processes than GPUs (torchrun --nproc-per-node)",
        )
    torch.cuda.set_device(world.local_rank)
    return torch.device("cuda", world.local_rank)
