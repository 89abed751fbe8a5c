"""The attention of some heads, with what stands beside their maps.

Shapes: T queries, S keys, H heads, L layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attn_cli.inspection.forward_pass import ForwardPass, select_heads
from attn_cli.inspection.pair_pass import PairPass
from attn_cli.runs.loaded_model import LoadedModel

Part = Literal["cross", "encoder", "decoder"]  # which attention of an encoder-decoder


@dataclass(frozen=True, eq=False)
class AttentionMaps:
    """The attention weights of some heads of a forward pass."""

    weights: NDArray[np.float32]  # (L, H, T, S), each row summing to 1
    layers: range  # the number of each layer, from 1
    heads: range  # the number of each head, from 1
    queries: Sequence[str]  # the symbol of each row
    keys: Sequence[str]  # the symbol of each column
    unit: str  # what these are, character or byte
    part: Part | None = None  # of an encoder-decoder, which attention it is


def text_maps(
    loaded: LoadedModel, activations: ForwardPass, layers: range, heads: range
) -> AttentionMaps:
    """How the characters of a text attend to each other."""
    symbols = loaded.symbols(activations.ids)
    weights = select_heads(activations.attention, layers, heads)
    return AttentionMaps(weights, layers, heads, symbols, symbols, loaded.tokenizer.unit)


def pair_maps(
    loaded: LoadedModel, activations: PairPass, part: Part, layers: range, heads: range
) -> AttentionMaps:
    """How the target of a pair attends to its source, or each of the two to itself."""
    source, target, read = activations.source_ids, activations.target_ids, activations.ids
    match part:
        case "cross":
            weights, queries, keys = activations.cross_attention, target, source
        case "encoder":
            weights, queries, keys = activations.encoder_attention, source, source
        case "decoder":
            weights, queries, keys = activations.attention, read, read
    return AttentionMaps(
        select_heads(weights, layers, heads),
        layers,
        heads,
        loaded.symbols(queries),
        loaded.symbols(keys),
        loaded.tokenizer.unit,
        part,
    )
