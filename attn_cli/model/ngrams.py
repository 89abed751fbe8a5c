"""Scores of n-grams: what each run of n characters says for each label, by itself.

A linear model over all n-grams of a text, as fastText is (Joulin et al. 2017), to stand beside a
deep one (Cheng et al. 2016, "wide and deep"). N-grams are hashed into tables of a fixed size, so
that no vocabulary of them is needed.

Shapes: B batch, T time (characters), Y labels, R rows of a table.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

# Odd, so that a product with it loses nothing of a 64-bit number (Knuth 1998, section 6.4).
MULTIPLIER = 0x9E3779B97F4A7C15 - 2**64
# Under Adam, as if the tables' learning rate were as many times that of the rest.
SCALE = 3.0
_HALF = 32  # the upper half of a product depends on every bit of the number


class NgramScores(nn.Module):
    """Y scores for each n-gram of a text.

    What stands before and after a text is a symbol of its own, so that there are n-grams of its
    beginning and of its end. The tables start at zero: a model begins as it would without them.

    Args:
        lengths: The lengths n, each with a table of its own.
        rows: R, of each table; n-grams that share a row share its scores.
        n_labels: Y.
        dropout: Probability that an n-gram is left out, in training.
    """

    def __init__(self, lengths: Sequence[int], rows: int, n_labels: int, dropout: float) -> None:
        super().__init__()
        self.lengths = tuple(lengths)
        self.rows = rows
        self.dropout = dropout
        self.tables = nn.ModuleList(nn.Embedding(rows, n_labels) for _ in self.lengths)

    @torch.no_grad()
    def init_weights(self) -> None:
        """Sets all tables to zero."""
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """The scores (B, T + 1, Y) of the n-grams that end at each character, and at the end.

        Divided by the root of how many places a text has, and zero where there is padding.

        Args:
            ids: Characters, (B, T) of int64.
            mask: Where there is a character, (B, 1, 1, T) of bool; everywhere where None.
        """
        B, T = ids.shape
        is_text = ids.new_ones(B, T, dtype=torch.bool) if mask is None else mask[:, 0, 0, :]
        ends_here = F.pad(is_text, (1, 0), value=True)  # (B, T + 1): the text, and its end
        scores = []
        for table, rows in zip(self.tables, self.hashed(ids, is_text), strict=True):
            counts = ends_here
            if self.training and self.dropout:
                counts = counts & (torch.rand(rows.shape, device=ids.device) >= self.dropout)
            scores.append(table(rows) * counts[..., None])  # (B, T + 1, Y)
        places = ends_here.sum(dim=1)[:, None, None]  # (B, 1, 1)
        return torch.stack(scores).sum(dim=0) * (SCALE / places.sqrt())

    def hashed(self, ids: torch.Tensor, is_text: torch.Tensor) -> list[torch.Tensor]:
        """The row of the n-gram that ends at each character and at the end, for each length.

        Args:
            ids: Characters, (B, T) of int64.
            is_text: Which of them are no padding, (B, T) of bool.

        Returns:
            Rows (B, T + 1) for each length.
        """
        symbols = F.pad((ids + 1).masked_fill(~is_text, 0), (0, 1))  # (B, T + 1); 0: no text
        rows, key = {}, torch.zeros_like(symbols)
        for n in range(1, max(self.lengths) + 1):
            # The n-th last character of each n-gram.
            before = F.pad(symbols, (n - 1, 0))[:, : symbols.shape[1]]
            key = (key ^ (key >> _HALF)) * MULTIPLIER + before
            rows[n] = ((key * MULTIPLIER) >> _HALF) % self.rows
        return [rows[n] for n in self.lengths]
