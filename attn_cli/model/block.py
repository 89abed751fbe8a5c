"""One layer of the transformer: attention, then feed-forward, each added to the residual stream.

What each kind of block is made of says `config/block_kinds.py`. Two have an exact counterpart
in other tools: `gpt2` (LayerNorm, GELU) and `qwen3` (RMSNorm, query/key norm, SwiGLU).

Shapes: B batch, T time (characters), S keys, C channels = n_embd.
"""

from typing import assert_never

import torch
from torch import nn

from attn_cli.config.block_kinds import block_kind
from attn_cli.config.schema import ModelConfig
from attn_cli.model.attention import MultiHeadAttention
from attn_cli.model.cache import LayerKVCache
from attn_cli.model.dropout import dropout
from attn_cli.model.feed_forward import GeluFeedForward, SwiGluFeedForward
from attn_cli.model.norm import RMSNorm
from attn_cli.model.position import RotaryPosition
from attn_cli.model.trace import NO_TRACE, NullTrace

FeedForward = GeluFeedForward | SwiGluFeedForward
FEED_FORWARDS: dict[str, type[FeedForward]] = {"gelu": GeluFeedForward, "swiglu": SwiGluFeedForward}


class Block(nn.Module):
    """Norm, attention, add; norm, feed-forward, add (pre-norm: Radford et al. 2019, section 2.3).

    Args:
        config: The `model` section of a configuration.
        rotary: Rotates queries and keys, where positions are rotary.
        causal: Whether a character sees only itself and what came before it.

    Raises:
        ConfigError: `config.block` is no known kind.
    """

    def __init__(
        self, config: ModelConfig, rotary: RotaryPosition | None = None, *, causal: bool = True
    ) -> None:
        super().__init__()
        kind = block_kind(config.block)
        self.dropout = config.dropout
        self.attention_norm = make_norm(config)
        self.attention = MultiHeadAttention(
            config.n_embd,
            config.n_head,
            bias=config.bias,
            causal=causal,
            dropout=config.dropout,
            query_key_norm=kind.query_key_norm,
            rotary=rotary,
        )
        self.feed_forward_norm = make_norm(config)
        self.feed_forward: FeedForward = FEED_FORWARDS[kind.feed_forward](
            config.n_embd, config.inner_width, bias=config.bias
        )

    def forward(
        self,
        x: torch.Tensor,
        *,
        mask: torch.Tensor | None = None,
        cache: LayerKVCache | None = None,
        trace: NullTrace = NO_TRACE,
    ) -> torch.Tensor:
        """(B, T, C) -> (B, T, C); the mask is (B, 1, T or 1, S), True where a key may be seen."""
        normed = self.attention_norm(x)
        trace.record("attention norm", normed, "B T C", self.attention_norm)
        attended = self.attention(normed, mask=mask, cache=cache, trace=trace.scope("attention"))
        x = x + dropout(attended, self.dropout, self.training)
        trace.record("attention residual", x, "B T C")

        normed = self.feed_forward_norm(x)
        trace.record("feed-forward norm", normed, "B T C", self.feed_forward_norm)
        mlp_output = self.feed_forward(normed, trace=trace.scope("feed-forward"))
        x = x + dropout(mlp_output, self.dropout, self.training)
        trace.record("feed-forward residual", x, "B T C")
        return x

    def residual_projections(self) -> list[nn.Linear]:
        """The linear layers whose outputs are added to the residual stream."""
        assert self.attention.projection is not None
        return [self.attention.projection, self.feed_forward.down]


def make_norm(config: ModelConfig) -> nn.Module:
    """The norm of this kind of block, over C channels."""
    match block_kind(config.block).norm:
        case "layer_norm":
            return nn.LayerNorm(config.n_embd, eps=1e-5, bias=config.bias)
        case "rms_norm":
            return RMSNorm(config.n_embd)
        case unknown:
            assert_never(unknown)
