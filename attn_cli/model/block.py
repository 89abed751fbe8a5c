"""One layer of the transformer: attention, then feed-forward, each added to the residual stream.

Between the two, a decoder that reads a source attends to it (Vaswani et al. 2017, section 3.1).

What each kind of block is made of says `config/block_kinds.py`. Two have an exact counterpart
in other tools: `gpt2` (LayerNorm, GELU) and `qwen3` (RMSNorm, query/key norm, SwiGLU).

Shapes: B batch, T time (characters), S source, or keys, C channels = n_embd.
"""

from typing import assert_never

import torch
from torch import nn

from attn_cli.config.block_kinds import block_kind
from attn_cli.config.schema import ModelConfig
from attn_cli.model.attention import MultiHeadAttention
from attn_cli.model.cache import CrossKVCache, LayerKVCache
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
        cross: Whether it attends to a source, too.

    Raises:
        ConfigError: `config.block` is no known kind.
    """

    def __init__(
        self,
        config: ModelConfig,
        rotary: RotaryPosition | None = None,
        *,
        causal: bool = True,
        cross: bool = False,
    ) -> None:
        super().__init__()
        kind = block_kind(config.block)
        self.dropout = config.dropout
        self.attention_norm = make_norm(config)
        self.attention = make_attention(config, rotary, causal=causal)
        if cross:
            self.cross_attention_norm = make_norm(config)
            cross_rotary = rotary if config.cross_rope else None
            self.cross_attention = make_attention(config, cross_rotary, causal=False)
        self.cross = cross
        self.feed_forward_norm = make_norm(config)
        self.feed_forward: FeedForward = FEED_FORWARDS[kind.feed_forward](
            config.n_embd, config.inner_width, bias=config.bias
        )

    def forward(
        self,
        x: torch.Tensor,
        source: torch.Tensor | None = None,
        *,
        mask: torch.Tensor | None = None,
        source_mask: torch.Tensor | None = None,
        cache: LayerKVCache | None = None,
        cross_cache: CrossKVCache | None = None,
        trace: NullTrace = NO_TRACE,
    ) -> torch.Tensor:
        """(B, T, C) -> (B, T, C); the masks are (B, 1, T or 1, S), True where a key may be seen.

        Args:
            x: What was computed so far.
            source: What cross-attention looks at, (B, S, C).
            mask: Which of the characters may be seen.
            source_mask: Which of the source's may be seen.
            cache: Keys and values of the characters before; those of x are appended to it.
            cross_cache: Keys and values of the source, computed once.
            trace: Collects every tensor on the way.
        """
        start = 0 if cache is None else cache.length
        normed = self.attention_norm(x)
        trace.record("attention norm", normed, "B T C", self.attention_norm)
        attended = self.attention(normed, mask=mask, cache=cache, trace=trace.scope("attention"))
        x = x + dropout(attended, self.dropout, self.training)
        trace.record("attention residual", x, "B T C")

        if self.cross:
            normed = self.cross_attention_norm(x)
            trace.record("cross-attention norm", normed, "B T C", self.cross_attention_norm)
            attended = self.cross_attention(
                normed,
                source,
                mask=source_mask,
                cache=cross_cache,
                start=start,
                trace=trace.scope("cross-attention"),
            )
            x = x + dropout(attended, self.dropout, self.training)
            trace.record("cross-attention residual", x, "B T C")

        normed = self.feed_forward_norm(x)
        trace.record("feed-forward norm", normed, "B T C", self.feed_forward_norm)
        mlp_output = self.feed_forward(normed, trace=trace.scope("feed-forward"))
        x = x + dropout(mlp_output, self.dropout, self.training)
        trace.record("feed-forward residual", x, "B T C")
        return x

    def residual_projections(self) -> list[nn.Linear]:
        """The linear layers whose outputs are added to the residual stream."""
        attentions = [self.attention, *([self.cross_attention] if self.cross else [])]
        projections = [each.projection for each in attentions if each.projection is not None]
        return [*projections, self.feed_forward.down]


def make_attention(
    config: ModelConfig, rotary: RotaryPosition | None, *, causal: bool
) -> MultiHeadAttention:
    """The attention of this kind of block; the arguments are those of `Block`."""
    return MultiHeadAttention(
        config.n_embd,
        config.n_head,
        bias=config.bias,
        causal=causal,
        dropout=config.dropout,
        query_key_norm=block_kind(config.block).query_key_norm,
        rotary=rotary,
    )


def make_norm(config: ModelConfig) -> nn.Module:
    """The norm of this kind of block, over C channels."""
    match block_kind(config.block).norm:
        case "layer_norm":
            return nn.LayerNorm(config.n_embd, eps=1e-5, bias=config.bias)
        case "rms_norm":
            return RMSNorm(config.n_embd)
        case unknown:
            assert_never(unknown)
