"""What a model does without one of its heads.

A head is taken away by putting zeros where it gives its mix of values to the rest of
the model: into its columns of the linear layer that merges the heads (Michel et al.
2019, "Are sixteen heads really better than one?", section 2.3).

Shapes: C channels = n_embd, D head size, H heads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from attn_cli.model.attention import MultiHeadAttention
from attn_cli.model.transformer import Transformer


@contextmanager
def without_head(model: Transformer, layer: int, head: int) -> Iterator[None]:
    """Takes a head away, and gives it back afterwards.

    Args:
        model: The model, changed in place meanwhile.
        layer: Which layer, from 0.
        head: Which of its heads, from 0.
    """
    attention = model.blocks[layer].attention
    assert isinstance(attention, MultiHeadAttention)
    assert attention.projection is not None
    D = attention.head_size
    columns = attention.projection.weight.data[:, head * D : (head + 1) * D]  # (C, D)
    kept = columns.clone()
    columns.zero_()
    try:
        yield
    finally:
        columns.copy_(kept)
