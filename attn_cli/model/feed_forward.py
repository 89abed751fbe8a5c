"""The part of a block that works on each character alone.

Shapes: B batch, T time (characters), C channels = n_embd, F feed-forward width.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from attn_cli.model.trace import NO_TRACE, NullTrace


class GeluFeedForward(nn.Module):
    """Widen, bend, narrow: GPT-2's feed-forward, with the tanh form of GELU."""

    def __init__(self, n_embd: int, n_inner: int, *, bias: bool) -> None:
        super().__init__()
        self.up = nn.Linear(n_embd, n_inner, bias=bias)
        self.down = nn.Linear(n_inner, n_embd, bias=bias)

    def forward(self, x: torch.Tensor, *, trace: NullTrace = NO_TRACE) -> torch.Tensor:
        """(B, T, C) -> (B, T, C)."""
        wide = self.up(x)  # (B, T, F)
        trace.record("up", wide, "B T F", self.up)
        bent = F.gelu(wide, approximate="tanh")
        trace.record("gelu", bent, "B T F")
        narrow: torch.Tensor = self.down(bent)  # (B, T, C)
        trace.record("down", narrow, "B T C", self.down)
        return narrow


class SwiGluFeedForward(nn.Module):
    """Widen twice, let one half gate the other, narrow (Shazeer 2020), as in Qwen3."""

    def __init__(self, n_embd: int, n_inner: int, *, bias: bool) -> None:
        super().__init__()
        self.gate = nn.Linear(n_embd, n_inner, bias=bias)
        self.up = nn.Linear(n_embd, n_inner, bias=bias)
        self.down = nn.Linear(n_inner, n_embd, bias=bias)

    def forward(self, x: torch.Tensor, *, trace: NullTrace = NO_TRACE) -> torch.Tensor:
        """(B, T, C) -> (B, T, C)."""
        gate = self.gate(x)  # (B, T, F)
        trace.record("gate", gate, "B T F", self.gate)
        gate = F.silu(gate)
        trace.record("silu", gate, "B T F")
        wide = self.up(x)  # (B, T, F)
        trace.record("up", wide, "B T F", self.up)
        gated = gate * wide
        trace.record("gate * up", gated, "B T F")
        narrow: torch.Tensor = self.down(gated)  # (B, T, C)
        trace.record("down", narrow, "B T C", self.down)
        return narrow
