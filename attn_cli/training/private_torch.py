"""The private parts of torch that training uses, all here: a new version may change them.

tests/training/test_private_torch.py names what changed.
"""

from datetime import timedelta

import torch


def copy_all_(targets: list[torch.Tensor], sources: list[torch.Tensor]) -> None:
    """Copies each source into its target, whatever their dtypes, in one call."""
    torch._foreach_copy_(targets, sources)


def lerp_all_(starts: list[torch.Tensor], ends: list[torch.Tensor], weight: float) -> None:
    """Moves each start towards its end by a share of the way, in one call."""
    torch._foreach_lerp_(starts, ends, weight)


def lerp_all(
    starts: list[torch.Tensor], ends: list[torch.Tensor], weight: float
) -> tuple[torch.Tensor, ...]:
    """New tensors, by a share of the way from each start to its end, in one call."""
    return torch._foreach_lerp(starts, ends, weight)


def set_group_timeout(timeout: timedelta) -> None:
    """Sets how long the collectives of all processes may take, after they have connected."""
    from torch.distributed.distributed_c10d import _set_pg_timeout

    _set_pg_timeout(timeout)


def ignore_in_ddp(model: torch.nn.Module, names: list[str]) -> None:
    """Keeps parameters out of DistributedDataParallel, which must not average their gradients."""
    from torch.nn.parallel import DistributedDataParallel

    ignore = DistributedDataParallel._set_params_and_buffers_to_ignore_for_model
    ignore(model, names)  # type: ignore[no-untyped-call]


def sparse_rows(gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows (K,) of a sparse gradient and their values (K, E), each as often as it came."""
    return gradient._indices()[0], gradient._values()
