"""The number format of matrix products: bf16 where this machine is measured to be faster at it."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch

# What autocast costs in conversions has to be repaid by the products.
WORTHWHILE = 2.0


@dataclass(frozen=True)
class Precision:
    """A number format on a device.

    Attributes:
        name: `fp32`, or `bf16`: products in bfloat16; weights, norms, losses in fp32.
        device: The kind of device, as in `torch.device.type`.
    """

    name: Literal["fp32", "bf16"]
    device: str = "cpu"

    def autocast(self) -> AbstractContextManager[object]:
        """Within it, matrix products are computed in this format."""
        if self.name == "fp32":
            return nullcontext()
        return torch.autocast(self.device, dtype=torch.bfloat16)


def choose_precision(wanted: Literal["auto", "fp32", "bf16"], device: torch.device) -> Precision:
    """The format that was asked for; for `auto`, bf16 where its products are twice as fast."""
    if wanted != "auto":
        return Precision(wanted, device.type)
    faster = _speed(torch.bfloat16, device) > WORTHWHILE * _speed(torch.float32, device)
    return Precision("bf16" if faster else "fp32", device.type)


def _speed(dtype: torch.dtype, device: torch.device) -> float:
    """Products a second of the size that small models multiply, the best of a few tries."""
    x = torch.ones(1024, 256, dtype=dtype, device=device)
    w = torch.ones(256, 256, dtype=dtype, device=device)
    best = float("inf")
    for _ in range(8):
        begin = time.perf_counter()
        for _ in range(4):
            y = x @ w
        y[0, 0].item()  # waits for a device that computes on its own
        best = min(best, time.perf_counter() - begin)
    return 4 / best
