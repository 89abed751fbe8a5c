"""One layer of the transformer: attention, then feed-forward, each added to the stream.

Two shapes, each with an exact counterpart in other tools:
`gpt2` (LayerNorm, GELU) and `qwen3` (RMSNorm, query/key norm, SwiGLU).

Shapes: B batch, T time (characters), C channels = n_embd.
"""

from __future__ import annotations

import torch
from torch import nn

from attn_cli.config.schema import ModelConfig
from attn_cli.model.attention import MultiHeadAttention
from attn_cli.model.cache import LayerCache
from attn_cli.model.dropout import dropout
from attn_cli.model.feed_forward import GeluFeedForward, SwiGluFeedForward
from attn_cli.model.norm import RMSNorm
from attn_cli.model.position import RotaryPosition
from attn_cli.model.trace import NO_TRACE, NoTrace


class Block(nn.Module):
    """Normalise, attend, add; normalise, think, add (pre-norm, as GPT-2 and all since)."""

    def __init__(self, config: ModelConfig, rotary: RotaryPosition | None) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.attention_norm = make_norm(config)
        self.attention = MultiHeadAttention(
            config.n_embd,
            config.n_head,
            bias=config.bias,
            dropout=config.dropout,
            query_key_norm=config.block == "qwen3",
            rotary=rotary,
        )
        self.feed_forward_norm = make_norm(config)
        feed_forward = SwiGluFeedForward if config.block == "qwen3" else GeluFeedForward
        self.feed_forward = feed_forward(config.n_embd, config.inner_width, bias=config.bias)

    def forward(
        self, x: torch.Tensor, *, cache: LayerCache | None = None, trace: NoTrace = NO_TRACE
    ) -> torch.Tensor:
        """(B, T, C) -> (B, T, C)."""
        normed = self.attention_norm(x)
        trace.record("attention norm", normed, "B T C", self.attention_norm)
        attended = self.attention(normed, cache=cache, trace=trace.within("attention"))
        x = x + dropout(attended, self.dropout, self.training)
        trace.record("attention residual", x, "B T C")

        normed = self.feed_forward_norm(x)
        trace.record("feed-forward norm", normed, "B T C", self.feed_forward_norm)
        thought = self.feed_forward(normed, trace=trace.within("feed-forward"))
        x = x + dropout(thought, self.dropout, self.training)
        trace.record("feed-forward residual", x, "B T C")
        return x


def make_norm(config: ModelConfig) -> nn.Module:
    """The norm of this shape of block, over C channels."""
    if config.block == "qwen3":
        return RMSNorm(config.n_embd)
    return nn.LayerNorm(config.n_embd, eps=1e-5, bias=config.bias)
