"""Multi-head attention, the heart of the transformer (Vaswani et al. 2017, section 3.2).

Shapes: B batch, T time (characters), S source characters, C channels = n_embd,
H heads, D head size = C / H. A leading "..." is B, or nothing for a single text.
"""

import math

import torch
from torch import nn

from attn_cli.errors import InputError
from attn_cli.model.cache import CrossKVCache, LayerKVCache
from attn_cli.model.dropout import dropout
from attn_cli.model.kernels import choose_kernel
from attn_cli.model.mask import causal_mask, combine
from attn_cli.model.norm import RMSNorm
from attn_cli.model.position import RotaryPosition
from attn_cli.model.trace import NO_TRACE, NullTrace


class MultiHeadAttention(nn.Module):
    """softmax(q kᵀ / sqrt(D)) v for H heads side by side, then a linear layer that mixes them.

    Each character has a query (what it looks for), a key (what it can be found by) and a
    value (what it gives to those that find it).

    Args:
        n_embd: C, channels in and out; a multiple of `n_head`.
        n_head: H, how many attentions run side by side, each on D = C / H channels.
        bias: Whether the linear layers have biases.
        causal: Whether a character sees only itself and what came before it.
        dropout: Probability that an attention weight is set to zero in training.
        projection: Whether a linear layer mixes the heads at the end.
        query_key_norm: Whether queries and keys are normalised per head (RMSNorm), as in Qwen3.
        rotary: Rotates queries and keys by their positions, where positions are rotary.

    Raises:
        InputError: `n_embd` is not divisible by `n_head`, or `dropout` is no probability.
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
        if n_head < 1 or n_embd < 1 or n_embd % n_head:
            raise InputError(f"`n_embd` {n_embd} is not divisible by `n_head` {n_head}")
        if not 0.0 <= dropout <= 1.0:
            raise InputError(f"`dropout` {dropout} is not from 0 to 1")
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

    def forward(
        self,
        x: torch.Tensor,
        source: torch.Tensor | None = None,
        *,
        mask: torch.Tensor | None = None,
        cache: LayerKVCache | CrossKVCache | None = None,
        start: int = 0,
        trace: NullTrace = NO_TRACE,
        need_weights: bool = False,
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """The values of the source, mixed by how well its keys answer the queries of x.

        Args:
            x: What queries, (..., T, C).
            source: What is queried, (..., S, C); x itself where None.
            mask: Which keys each query may see, (..., 1, T or 1, S) of bool, combined with
                `causal`; at least one. All where None.
            cache: Keys and values of the characters before x, to which those of x are
                appended; with a source, its own, computed once.
            start: The position of the first of x, where positions are rotary; a cache of what
                is before x knows it.
            trace: Collects every tensor on the way.
            need_weights: Whether to return the weights too.

        Returns:
            (..., T, C); with `need_weights` also the weights (..., H, T, S), whose rows sum to 1.

        Raises:
            InputError: An argument does not fit this attention.
        """
        self._check(x, source, mask, cache)
        if isinstance(cache, CrossKVCache) and cache.source is source:
            q, k, v, S = self._queries(x, start), cache.keys, cache.values, "S"
        else:
            q, k, v, S = self._queries_keys_values(x, source, cache, start, trace)
        # (..., H, T, D) and twice (..., H, S, D)
        dropout_p = self.dropout if self.training else 0.0

        if need_weights or trace.textbook:
            scores = q @ k.transpose(-2, -1)  # (..., H, T, S)
            trace.record("scores", scores, f"B H T {S}", reduced_size=self.head_size)

            scores = scores / math.sqrt(self.head_size)
            trace.record("scaled scores", scores, f"B H T {S}")

            visible = combine(causal_mask(q, k) if self.causal else None, mask)
            if visible is not None:
                scores = scores.masked_fill(~visible, float("-inf"))
                trace.record("masked scores", scores, f"B H T {S}")

            weights = scores.softmax(dim=-1)  # each row sums to 1
            trace.record("softmax weights", weights, f"B H T {S}")

            mixed = dropout(weights, dropout_p, self.training) @ v  # (..., H, T, D)
            trace.record("weights @ value", mixed, "B H T D", reduced_size=v.shape[-2])
        else:  # the same in fewer calls, without the weights
            attend = choose_kernel(q, k, dropout_p)
            mixed = attend(q, k, v, causal=self.causal, mask=mask, dropout_p=dropout_p)

        merged = mixed.transpose(-3, -2).flatten(-2)  # (..., T, H, D) -> (..., T, C)
        trace.record("merged heads", merged, "B T C")
        if self.projection is not None:
            merged = self.projection(merged)  # (..., T, C)
            trace.record("projection", merged, "B T C", self.projection)
        return (merged, weights) if need_weights else merged

    def _queries_keys_values(
        self,
        x: torch.Tensor,
        source: torch.Tensor | None,
        cache: LayerKVCache | CrossKVCache | None,
        start: int,
        trace: NullTrace,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, str]:
        """(..., H, T, D) and twice (..., H, S, D), and the name of the keys' axis in the trace."""
        if isinstance(cache, LayerKVCache):
            start = cache.length
        attended, S = (x, "T") if source is None else (source, "S")

        q, k, v = self.query(x), self.key(attended), self.value(attended)  # (..., T|S, C)
        trace.record("query", q, "B T C", self.query)
        trace.record("key", k, f"B {S} C", self.key)
        trace.record("value", v, f"B {S} C", self.value)

        q, k, v = self._split(q), self._split(k), self._split(v)  # (..., H, T|S, D)
        trace.record("query heads", q, "B H T D")
        trace.record("key heads", k, f"B H {S} D")
        trace.record("value heads", v, f"B H {S} D")

        if self.query_norm is not None and self.key_norm is not None:
            q, k = self.query_norm(q), self.key_norm(k)
            trace.record("query norm", q, "B H T D", self.query_norm)
            trace.record("key norm", k, f"B H {S} D", self.key_norm)
        if self.rotary is not None:
            # A source has its own positions, which begin at 0.
            q, k = self.rotary(q, start), self.rotary(k, start if source is None else 0)
            trace.record("rotated query", q, "B H T D")
            trace.record("rotated key", k, f"B H {S} D")
        if isinstance(cache, LayerKVCache):
            k, v = cache.append(k, v)  # (B, H, S, D)
            S = "S"
        elif cache is not None:
            cache.source, cache.keys, cache.values = source, k, v
        return q, k, v, S

    def _queries(self, x: torch.Tensor, start: int) -> torch.Tensor:
        """The queries (..., H, T, D) alone, for keys that are cached."""
        q = self._split(self.query(x))
        if self.query_norm is not None:
            q = self.query_norm(q)
        return q if self.rotary is None else self.rotary(q, start)

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        # (..., T, C) -> (..., T, H, D) -> (..., H, T, D)
        return x.view(*x.shape[:-1], self.n_head, self.head_size).transpose(-3, -2)

    def _check(
        self,
        x: torch.Tensor,
        source: torch.Tensor | None,
        mask: torch.Tensor | None,
        cache: LayerKVCache | CrossKVCache | None,
    ) -> None:
        channels = self.query.in_features
        for name, tensor in (("x", x), ("source", x if source is None else source)):
            if tensor.dim() < 2 or tensor.shape[-1] != channels:
                raise InputError(f"`{name}` is {tuple(tensor.shape)}, not (..., {channels})")
        if source is not None and self.causal:
            raise InputError(
                "`source` is seen whole, and causal attention hides what comes later",
                "use `causal` False for cross-attention",
            )
        if cache is not None and isinstance(cache, CrossKVCache) != (source is not None):
            raise InputError("`cache`: a CrossKVCache goes with a source, a LayerKVCache with none")
        if mask is not None and mask.dtype != torch.bool:
            raise InputError(f"`mask`: its numbers are {mask.dtype}, not torch.bool")
