"""The data of the page's script: the model, the text, and what was computed in advance.

Shapes: T time (characters), H heads, V vocabulary, L layers.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from attn_cli.config.schema import ModelConfig
from attn_cli.inspection.ablation import HeadAblation
from attn_cli.inspection.history import Snapshot
from attn_cli.inspection.page.packing import (
    Packed,
    packed,
    packed_fractions,
    packed_rows,
    packed_table,
)
from attn_cli.model.ngrams import MULTIPLIER, SCALE
from attn_cli.model.parameter_shapes import NGRAM_TABLE
from attn_cli.model.stack import Stack
from attn_cli.runs.loaded_model import LoadedModel

Item = TypeVar("Item")

# Up to this many parameters the weights are stored as float32, which is exact: a megabyte.
MAX_EXACT = 190_000
# Bits per weight beyond that: as many as keep the default run's page below 2 MB. Errors of the
# few weights of the embeddings and the head go straight into the logits, so these get more;
# those of queries and keys only go into scores, and need fewer.
BITS = {"embedding.weight": 20, "head.weight": 20, "query.weight": 16, "key.weight": 16}
OTHER_BITS = 17
# Of the largest row of a table of n-grams; the others need fewer.
TABLE_BITS = 16


def model_payload(loaded: LoadedModel) -> dict[str, Any]:
    """The model and its vocabulary."""
    model, tokenizer, sample = loaded.model, loaded.tokenizer, loaded.config.sample
    config = model.config
    return {
        "description": loaded.description,
        "parameters": model.parameter_count(),
        "config": {
            "block": config.block,
            "position": config.position,
            "n_layer": config.n_layer,
            "n_head": config.n_head,
            "n_embd": config.n_embd,
            "n_inner": config.inner_width,
            "block_size": config.block_size,
            "rope_theta": config.rope_theta,
            "cross_rope": config.cross_rope,
            "causal": loaded.config.task == "lm",
            "eps": model.final_norm.eps,
            "ngrams": None if model.ngrams is None else asdict(model.ngrams.hash),
        },
        "tokenizer": {"kind": tokenizer.kind, "symbols": list(tokenizer.symbols)},
        "bos_id": loaded.bos_id,
        "mask_id": None if loaded.labels else tokenizer.mask_id,
        "labels": list(loaded.labels),
        "label_ngrams": _label_ngrams(config),
        "beginning": list(loaded.line_beginning) if loaded.labels else [],
        "sample": {
            "temperature": sample.temperature,
            "top_k": sample.top_k,
            "top_p": sample.top_p,
        },
        "weights": weights_payload(model),
    }


def _label_ngrams(config: ModelConfig) -> dict[str, Any] | None:
    """How a classifier hashes its n-grams; the factor as text, since JSON has no such integers."""
    if not config.label_ngrams:
        return None
    return {
        "lengths": list(config.label_ngrams),
        "rows": config.label_ngram_rows,
        "multiplier": str(MULTIPLIER),
        "scale": SCALE,
    }


def weights_payload(model: Stack) -> dict[str, Packed]:
    """Every parameter by name; matrices as integers where there are many numbers."""
    exact = model.parameter_count() <= MAX_EXACT
    return {
        name: packed(array) if exact or array.ndim == 1 else _packed_matrix(name, array)
        for name, array in model.state_arrays().items()
    }


def _packed_matrix(name: str, matrix: NDArray[np.float32]) -> Packed:
    # Where training diverged, there is no one scale.
    if (name == NGRAM_TABLE or name.startswith("ngram_scores.")) and np.isfinite(matrix).all():
        return packed_table(matrix, TABLE_BITS)
    bits = next((bits for end, bits in BITS.items() if name.endswith(end)), OTHER_BITS)
    return packed_rows(matrix, bits)


def ablation_payload(ablation: HeadAblation) -> dict[str, Any]:
    """What one head contributes."""
    return {
        "layer": ablation.layer,
        "head": ablation.head,
        "loss_increase": _finite(ablation.loss_increase),
        "next_probs": packed(ablation.next_probs.numpy(force=True)),
    }


def snapshot_payload(snapshot: Snapshot) -> dict[str, Any]:
    """One checkpoint of a decoder; of its attention only what is on and below the diagonal."""
    assert snapshot.next_probs is not None
    T = snapshot.attention.shape[-1]
    queries, keys = np.tril_indices(T)  # row by row
    triangles = snapshot.attention.numpy(force=True)[:, :, queries, keys]  # (L, H, T (T + 1) / 2)
    return {
        "step": snapshot.step,
        "val_loss": _finite(snapshot.val_loss),
        "attention": packed_fractions(triangles),
        "losses": packed(snapshot.losses.numpy(force=True)),
        "next_probs": packed(snapshot.next_probs.numpy(force=True)),
        "sample": snapshot.sample,
    }


def evenly_spaced(items: Sequence[Item], count: int) -> Sequence[Item]:
    """At most `count` of the items, evenly spaced, the first and the last among them."""
    if len(items) <= count:
        return items
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


def _finite(loss: float | None) -> float | None:
    """The loss, or None where it is none that JSON can write."""
    return loss if loss is not None and math.isfinite(loss) else None
