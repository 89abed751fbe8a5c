"""Multi-head attention, the heart of the transformer (Vaswani et al. 2017, section 3.2).

Shapes: B batch, T time (characters), S source characters, C channels = n_embd,
H heads, D head size = C / H. A leading "..." is B, or nothing for a single text.
"""

from __future__ import annotations

import math
from typing import Literal, overload

import torch
from torch import nn
from torch.nn import functional as F

from attn_cli.model.cache import LayerKVCache
from attn_cli.model.dropout import dropout
from attn_cli.model.norm import RMSNorm
from attn_cli.model.position import RotaryPosition
from attn_cli.model.trace import NO_TRACE, NullTrace

# Characters up to which plain products are no slower on a CPU than torch's fused kernel,
# whose backward is slow in bf16 (benchmarks/LOG.md).
MAX_MATMUL_LENGTH = {torch.bfloat16: 256, torch.float32: 64}


class MultiHeadAttention(nn.Module):
    """Each character asks (query), each character offers (key) and gives (value).

    Args:
        n_embd: C, channels in and out; a multiple of `n_head`.
        n_head: H, how many attentions run side by side, each on D = C / H channels.
        bias: Whether the linear layers have biases.
        causal: Whether a character sees only itself and what came before it.
        dropout: Share of the attention weights set to zero in training.
        projection: Whether a linear layer mixes the heads at the end.
        query_key_norm: Whether queries and keys are normalised a head (RMSNorm), as in Qwen3.
        rotary: Turns queries and keys by their positions, where positions are rotary.
    """

    def __init__(
        self,
        n_embd: int,
        n_head: int = 1,
        *,
        bias: bool = True,
        causal: bool = True,
        dropout: float = 0.0,
        projection: bool = True,
        query_key_norm: bool = False,
        rotary: RotaryPosition | None = None,
    ) -> None:
        super().__init__()
        assert n_embd % n_head == 0, "n_embd must be divisible by n_head"
        self.n_head = n_head
        self.head_size = n_embd // n_head
        self.causal = causal
        self.dropout = dropout
        self.query = nn.Linear(n_embd, n_embd, bias=bias)
        self.key = nn.Linear(n_embd, n_embd, bias=bias)
        self.value = nn.Linear(n_embd, n_embd, bias=bias)
        self.query_norm = RMSNorm(self.head_size) if query_key_norm else None
        self.key_norm = RMSNorm(self.head_size) if query_key_norm else None
        self.rotary = rotary
        self.projection = nn.Linear(n_embd, n_embd, bias=bias) if projection else None

    @overload
    def forward(
        self,
        x: torch.Tensor,
        source: torch.Tensor | None = ...,
        *,
        cache: LayerKVCache | None = ...,
        trace: NullTrace = ...,
        need_weights: Literal[False] = ...,
    ) -> torch.Tensor: ...

    @overload
    def forward(
        self,
        x: torch.Tensor,
        source: torch.Tensor | None = ...,
        *,
        cache: LayerKVCache | None = ...,
        trace: NullTrace = ...,
        need_weights: Literal[True],
    ) -> tuple[torch.Tensor, torch.Tensor]: ...

    def forward(
        self,
        x: torch.Tensor,
        source: torch.Tensor | None = None,
        *,
        mask: torch.Tensor | None = None,
        cache: LayerKVCache | None = None,
        trace: NullTrace = NO_TRACE,
        need_weights: bool = False,
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Mixes the values of the source by how well its keys answer the queries of x.

        Args:
            x: What asks, (..., T, C).
            source: What is looked at, (..., S, C); x itself when left out.
            cache: Keys and values of the characters before x; x is appended to it.
            trace: Collects every tensor on the way.
            need_weights: Whether to return the softmax weights too.

        Returns:
            The mix, (..., T, C); with `need_weights` also the weights (..., H, T, S),
            whose rows sum to 1.
        """
        assert mask is None, "not yet"
        start = 0 if cache is None else cache.length
        assert source is None or not self.causal, "another text has no order in common with x"
        key_axis = "T" if source is None else "S"
        seen_axis = "T" if source is None and cache is None else "S"
        source = x if source is None else source

        q, k, v = self.query(x), self.key(source), self.value(source)  # (..., T|S, C)
        trace.record("query", q, "B T C", self.query)
        trace.record("key", k, f"B {key_axis} C", self.key)
        trace.record("value", v, f"B {key_axis} C", self.value)

        q, k, v = self._split(q), self._split(k), self._split(v)  # (..., H, T|S, D)
        trace.record("query heads", q, "B H T D")
        trace.record("key heads", k, f"B H {key_axis} D")
        trace.record("value heads", v, f"B H {key_axis} D")

        if self.query_norm is not None and self.key_norm is not None:
            q, k = self.query_norm(q), self.key_norm(k)
            trace.record("query norm", q, "B H T D", self.query_norm)
            trace.record("key norm", k, f"B H {key_axis} D", self.key_norm)
        if self.rotary is not None:
            q, k = self.rotary(q, start), self.rotary(k, start)
            trace.record("rotated query", q, "B H T D")
            trace.record("rotated key", k, f"B H {key_axis} D")
        if cache is not None:
            k, v = cache.append(k, v)  # (B, H, S, D)

        weights = None
        if need_weights or trace.enabled:
            mixed, weights = self._attend_step_by_step(q, k, v, start, trace, seen_axis)
        else:
            mixed = self._attend_fast(q, k, v, start)

        merged = mixed.transpose(-3, -2).flatten(-2)  # (..., T, H, D) -> (..., T, C)
        trace.record("merged heads", merged, "B T C")
        if self.projection is not None:
            merged = self.projection(merged)  # (..., T, C)
            trace.record("projection", merged, "B T C", self.projection)
        return (merged, weights) if need_weights and weights is not None else merged

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        # (..., T, C) -> (..., T, H, D) -> (..., H, T, D)
        return x.view(*x.shape[:-1], self.n_head, self.head_size).transpose(-3, -2)

    def _attend_step_by_step(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        start: int,
        trace: NullTrace,
        seen_axis: str,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The textbook's lines, each tensor in the open."""
        scores = q @ k.transpose(-2, -1)  # (..., H, T, S)
        trace.record("scores", scores, f"B H T {seen_axis}", reduced_size=self.head_size)

        scores = scores / math.sqrt(self.head_size)
        trace.record("scaled scores", scores, f"B H T {seen_axis}")

        if self.causal:
            scores = scores.masked_fill(~self._visible(q, k, start), float("-inf"))
            trace.record("masked scores", scores, f"B H T {seen_axis}")

        weights = scores.softmax(dim=-1)  # each row sums to 1
        trace.record("softmax weights", weights, f"B H T {seen_axis}")

        mixed = dropout(weights, self.dropout, self.training) @ v  # (..., H, T, D)
        trace.record("weights @ value", mixed, "B H T D", reduced_size=v.shape[-2])
        return mixed, weights

    def _attend_fast(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, start: int
    ) -> torch.Tensor:
        """The same in fewer calls, (..., H, T, D): what a device does fastest."""
        longest = MAX_MATMUL_LENGTH.get(q.dtype, 0) if q.device.type == "cpu" else 0
        if q.dim() == 4 and k.shape[-2] <= longest:
            return self._attend_plain(q, k, v, start)
        T, S = q.shape[-2], k.shape[-2]
        square = self.causal and T == S
        # A single last character sees everything before it: no mask is needed.
        mask = self._visible(q, k, start) if self.causal and not square and T > 1 else None
        return F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=square,
        )

    def _attend_plain(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, start: int
    ) -> torch.Tensor:
        """Two batched products and a softmax; scale and mask ride on the first product."""
        (B, H, T, D), S = q.shape, k.shape[-2]
        mask = q.new_zeros(T, S)
        if self.causal and T > 1:
            mask.masked_fill_(~self._visible(q, k, start), float("-inf"))
        q, k, v = (x.reshape(B * H, -1, D) for x in (q, k, v))  # (B·H, T|S, D)
        scores = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=1 / math.sqrt(D))  # (B·H, T, S)
        weights = dropout(scores.softmax(dim=-1), self.dropout, self.training)
        return torch.bmm(weights, v).view(B, H, T, D)

    @staticmethod
    def _visible(q: torch.Tensor, k: torch.Tensor, start: int) -> torch.Tensor:
        """Which source character each query may see, (T, S); `start` is x's first position."""
        T, S = q.shape[-2], k.shape[-2]
        return torch.ones(T, S, dtype=torch.bool, device=q.device).tril(diagonal=start)
