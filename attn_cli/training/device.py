"""Where to compute."""

from __future__ import annotations

from typing import Literal

import torch

from attn_cli.errors import DeviceError


def choose_device(wanted: Literal["auto", "cpu", "cuda", "mps"]) -> torch.device:
    """The device that was asked for; for `auto`, the first of cuda, mps, cpu that is there.

    Raises:
        DeviceError: It is not on this machine, or this torch was built without it.
    """
    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available.insert(0, "cuda")
    if wanted == "auto":
        return torch.device(available[0])
    if wanted not in available:
        raise DeviceError(
            f"device {wanted} is not available on this machine", f"here: {', '.join(available)}"
        )
    return torch.device(wanted)
