"""The data of the page's script: the model, the text, and what was computed in advance.

Shapes: T time (characters), H heads, V vocabulary, L layers.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np

from attn_cli.config.schema import ModelConfig
from attn_cli.inspection.ablation import HeadAblation
from attn_cli.inspection.history import Snapshot
from attn_cli.inspection.page.packing import packed, packed_fractions
from attn_cli.inspection.page.rounding import pack_weights
from attn_cli.model.ngrams import MULTIPLIER, SCALE
from attn_cli.runs.loaded_model import LoadedModel

Item = TypeVar("Item")


def model_payload(loaded: LoadedModel, level: int = 0) -> dict[str, Any]:
    """The model and its vocabulary.

    Args:
        loaded: The model.
        level: How much its weights are rounded; see `rounding`.
    """
    model, tokenizer = loaded.model, loaded.tokenizer
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
            "causal": loaded.config.task in ("lm", "seq2seq"),
            "eps": model.final_norm.eps,
            "ngrams": None if model.ngrams is None else asdict(model.ngrams.hash),
        },
        "tokenizer": {"kind": tokenizer.kind, "symbols": list(tokenizer.symbols)},
        "bos_id": loaded.bos_id,
        "lines": loaded.lines,
        "mask_id": None if loaded.labels else tokenizer.mask_id,
        "labels": list(loaded.labels),
        "label_ngrams": _label_ngrams(config),
        "beginning": list(loaded.line_beginning) if loaded.labels else [],
        "sample": _sample(loaded),
        "weights": pack_weights(model.state_arrays(), level),
    }


def _sample(loaded: LoadedModel) -> dict[str, Any]:
    """What the page's controls open with: the run's own, or an encoder's own probabilities."""
    sample = loaded.config.sample
    if loaded.config.task == "mlm":  # `attn fill` has no controls
        return {"temperature": 1.0, "top_k": None, "top_p": None}
    return {"temperature": sample.temperature, "top_k": sample.top_k, "top_p": sample.top_p}


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
