"""Embeddings of n-grams: of each character together with those before it.

Hashed into tables of a fixed size, so that no vocabulary of n-grams is needed (Pagnoni et al.
2024, Byte Latent Transformer, section 3.2.1).

Shapes: B batch, T time (characters), C channels = n_embd, R rows of a table.
"""

from collections.abc import Sequence

import torch
from torch import nn

# Odd, so that a product with it loses nothing of a 64-bit number (Knuth 1998, section 6.4).
MULTIPLIER = 0x9E3779B97F4A7C15 - 2**64
_HALF = 32  # the upper half of a product depends on every bit of the number


class NgramEmbedding(nn.Module):
    """The sum of the embeddings of the n-grams that end at each character, one of each length.

    The tables start at zero, so that a model begins as it would without them. What stands before
    the first character is a symbol of its own.

    Args:
        lengths: The lengths n, each with a table of its own.
        rows: R, of each table; n-grams that share a row share its embedding.
        n_embd: C.
        dropout: Probability that an n-gram has no embedding, in training.
    """

    def __init__(self, lengths: Sequence[int], rows: int, n_embd: int, dropout: float) -> None:
        super().__init__()
        self.lengths = tuple(lengths)
        self.rows = rows
        self.dropout = dropout
        self.tables = nn.ModuleList(nn.Embedding(rows, n_embd) for _ in self.lengths)

    @torch.no_grad()
    def init_weights(self) -> None:
        """Sets all tables to zero."""
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """The summed embeddings (B, T, C) of the n-grams of some texts (B, T)."""
        embedded = []
        for table, rows in zip(self.tables, self.hashed(ids), strict=True):
            vectors = table(rows)  # (B, T, C)
            if self.training and self.dropout:
                kept = torch.rand(rows.shape, device=ids.device) >= self.dropout  # (B, T)
                vectors = vectors * kept[..., None].to(vectors.dtype)
            embedded.append(vectors)
        return torch.stack(embedded).sum(dim=0)

    def hashed(self, ids: torch.Tensor) -> list[torch.Tensor]:
        """The row of the n-gram that ends at each character, (B, T), for each length."""
        T = ids.shape[1]
        rows, key = {}, torch.zeros_like(ids)
        for n in range(1, max(self.lengths) + 1):
            before = torch.zeros_like(ids)
            if n <= T:
                before[:, n - 1 :] = ids[:, : T - n + 1] + 1  # the n-th last character
            key = (key ^ (key >> _HALF)) * MULTIPLIER + before
            rows[n] = ((key * MULTIPLIER) >> _HALF) % self.rows
        return [rows[n] for n in self.lengths]
