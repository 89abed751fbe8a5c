"""Embeddings of n-grams: what the last two, three or more characters are, beside the last one.

A table of them does in one lookup what else a layer has to learn: to see the characters before.
Hashed n-grams of bytes are from Pagnoni et al. 2024, "Byte Latent Transformer", section 3.2.1.

Shapes: B batch, T time (characters), S characters with those before, N lengths of n-grams,
E width of a table, R rows, C channels = n_embd.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from attn_cli.config.schema import ModelConfig
from attn_cli.model.ngram_hash import NOTHING, PRIME, make_ngram_hash
from attn_cli.model.trace import NO_TRACE, NullTrace

_COUNTED_AT_ONCE = 2**18  # characters


class NgramEmbeddings(nn.Module):
    """A vector (B, T, C) for the n-grams that end at each character.

    All tables stand in one parameter, whose gradient is sparse: a step pays for the rows that a
    batch has. It stays in fp32 where the rest of the model computes in bf16. It starts at zero,
    so that a model begins as it would without it.

    Args:
        config: The `model` section of a configuration, with lengths in `ngrams`.
        vocab_size: V, of the tokenizer.
    """

    factors: torch.Tensor
    sizes: torch.Tensor
    offsets: torch.Tensor

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        super().__init__()
        self.hash = make_ngram_hash(config.ngrams, config.ngram_rows, vocab_size)
        self.dropout = config.ngram_dropout
        self.table = nn.Embedding(self.hash.total_rows, config.ngram_embd, sparse=True)
        inputs = len(config.ngrams) * config.ngram_embd
        self.projection = nn.Linear(inputs, config.n_embd, bias=False)
        for name in ("factors", "sizes", "offsets"):
            self.register_buffer(name, torch.tensor(getattr(self.hash, name)), persistent=False)

    @torch.no_grad()
    def init_weights(self) -> None:
        """Sets the table to zero and draws a projection that keeps the size of what it is given."""
        nn.init.zeros_(self.table.weight)
        nn.init.normal_(self.projection.weight, std=self.projection.in_features**-0.5)

    def forward(self, ids: torch.Tensor, length: int, trace: NullTrace = NO_TRACE) -> torch.Tensor:
        """What to add to the embeddings of the last `length` of some characters, (B, T, C).

        Args:
            ids: Characters, (B, S) of int64; those before the last T are of the same text.
            length: T.
            trace: Collects every tensor on the way.
        """
        rows = self.rows(ids, length)  # (B, T, N)
        trace.record("n-gram rows", rows, "B T N")
        vectors: torch.Tensor = self.table(rows)  # (B, T, N, E)
        trace.record("n-gram embeddings", vectors, "B T N E", self.table)
        if self.training and self.dropout:
            keep = torch.rand(rows.shape, device=rows.device) >= self.dropout
            vectors = vectors * (keep / (1 - self.dropout))[..., None]
        joined = vectors.flatten(2).to(self.projection.weight.dtype)  # (B, T, N E)
        projected: torch.Tensor = self.projection(joined)  # (B, T, C)
        trace.record("n-gram projection", projected, "B T C", self.projection)
        return projected

    def rows(self, ids: torch.Tensor, length: int) -> torch.Tensor:
        """The rows (B, T, N) of the n-grams that end at each of the last `length` characters."""
        symbols = F.pad(ids + 1, (self.hash.longest - 1, 0), value=NOTHING)
        end = symbols.shape[1]
        sums = ids.new_zeros(())
        for back in range(self.hash.longest):  # how many characters before the last
            symbol = symbols[:, end - back - length : end - back]  # (B, T)
            sums = sums + symbol[..., None] * self.factors[:, back]  # (B, T, N)
        return sums % PRIME % self.sizes + self.offsets

    def frequent_rows(self, ids: NDArray[np.integer], count: int) -> torch.Tensor:
        """Which rows a text looks up at least `count` times, (R,) of bool.

        Args:
            ids: The whole text, (its characters,).
            count: 1 or more.
        """
        counts = torch.zeros(self.hash.total_rows, dtype=torch.int64)
        for begin in range(0, len(ids), _COUNTED_AT_ONCE):
            before = max(0, begin - self.hash.longest + 1)
            part = torch.from_numpy(ids[before : begin + _COUNTED_AT_ONCE].astype(np.int64))
            rows = self.rows(part[None].to(self.factors.device), len(part) - begin + before)
            counts += torch.bincount(rows.flatten().cpu(), minlength=len(counts))
        return counts >= count
