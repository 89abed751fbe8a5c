"""Batches of pairs: padded sources, and their targets.

B batch   S source   T target (tokens)
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from attn_cli.text.batches import IGNORE_INDEX, Batch, next_token_batch
from attn_cli.text.example_batches import padded_length
from attn_cli.text.examples import Examples
from attn_cli.text.pairs import PairExamples, as_pairs
from attn_cli.text.token_cache import check_not_truncated
from attn_cli.text.tokenizer import TokenIds


def pair_batch(examples: Examples, width: int | None = None) -> Batch:
    """A batch of pairs: sources (B, S), decoder inputs (B, T) and targets (B, T).

    Args:
        examples: Pairs.
        width: Ignored: S and T are those of the longest source and target, rounded up by
            `padded_length`, at most what fits into the context.
    """
    pairs = as_pairs(examples)
    begins, ends, _ = pairs.lines[pairs.rows].T
    tabs = pairs.tabs[pairs.rows]
    source = _gathered(pairs, begins, tabs, pairs.source_counts)[:, 1:]  # (B, S)
    target = _gathered(pairs, tabs + 1, ends, pairs.target_counts)  # (B, T + 1)
    batch = next_token_batch(target)
    batch.targets[~_is_text(pairs.target_counts, target.shape[1] - 1)] = IGNORE_INDEX
    is_source = _is_text(pairs.source_counts, source.shape[1])  # (B, S)
    return replace(
        batch,
        source=torch.from_numpy(source),
        mask=None if bool(is_source.all()) else is_source[:, None, None, :],
    )


def _gathered(
    pairs: PairExamples, begins: TokenIds, ends: TokenIds, counts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """A part of each line, behind a newline and padded with newlines, (B, width + 1)."""
    check_not_truncated(pairs.ids)
    width = min(padded_length(int(counts.max())), pairs.max_targets)
    places = begins[:, None] + np.arange(-1, width)  # (B, width + 1)
    inside = (places >= begins[:, None]) & (places < ends[:, None])
    tokens = pairs.ids[np.where(inside, places, 0)]
    return np.where(inside, tokens, pairs.newline_id).astype(np.int64)


def _is_text(counts: NDArray[np.int64], width: int) -> torch.Tensor:
    """Where there are tokens and not padding, (B, width)."""
    return torch.from_numpy(np.arange(width) < counts[:, None])
