"""The feed-forward network (MLP) of a block, which works on each character alone.

Shapes: B batch, T time (characters), C channels = n_embd, F feed-forward width.
"""

import torch
from torch import nn
from torch.nn import functional as F

from attn_cli.model.trace import NO_TRACE, NullTrace


class GeluFeedForward(nn.Module):
    """down(gelu(up(x))): GPT-2's feed-forward, with the tanh form of GELU."""

    def __init__(self, n_embd: int, n_inner: int, *, bias: bool) -> None:
        super().__init__()
        self.up = nn.Linear(n_embd, n_inner, bias=bias)
        self.down = nn.Linear(n_inner, n_embd, bias=bias)

    def forward(self, x: torch.Tensor, *, trace: NullTrace = NO_TRACE) -> torch.Tensor:
        """(B, T, C) -> (B, T, C)."""
        expanded = self.up(x)  # (B, T, F)
        trace.record("up", expanded, "B T F", self.up)
        activated = F.gelu(expanded, approximate="tanh")
        trace.record("gelu", activated, "B T F")
        output: torch.Tensor = self.down(activated)  # (B, T, C)
        trace.record("down", output, "B T C", self.down)
        return output


class SwiGluFeedForward(nn.Module):
    """down(silu(gate(x)) * up(x)) (Shazeer 2020), as in Qwen3."""

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
        expanded = self.up(x)  # (B, T, F)
        trace.record("up", expanded, "B T F", self.up)
        gated = gate * expanded
        trace.record("gate * up", gated, "B T F")
        output: torch.Tensor = self.down(gated)  # (B, T, C)
        trace.record("down", output, "B T C", self.down)
        return output
