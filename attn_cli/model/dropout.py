"""Dropout (Srivastava et al. 2014), by fewer random numbers where those are what it costs.

torch draws one random number for each element on a CPU, one after the other: 3.1 ms for
2,048 x 256, more than the layer around it. Eight bytes of one number serve eight elements
here, in 0.7 ms (benchmarks/LOG.md).
"""

from __future__ import annotations

import torch
from torch.nn import functional as F


def dropout(x: torch.Tensor, share: float, training: bool) -> torch.Tensor:
    """Sets a share of x to zero in training and scales the rest, so that its mean stays.

    Args:
        x: Of any shape.
        share: Between 0 and 1; on a CPU the nearest 256th of it.
        training: Whether anything is dropped at all.
    """
    dropped = round(256 * share)  # of 256 values of a byte
    if not training or share == 0.0:
        return x
    if x.device.type != "cpu" or not 0 < dropped < 256:
        return F.dropout(x, share)
    numbers = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
    kept = numbers.view(torch.uint8)[: x.numel()].view(x.shape) >= dropped
    return x * kept.to(x.dtype).mul_(256 / (256 - dropped))
