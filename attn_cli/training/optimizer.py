"""Which optimizer moves which parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from attn_cli.config.schema import TrainConfig
from attn_cli.model.transformer import Transformer
from attn_cli.training.muon import Muon


def make_optimizers(model: Transformer, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """The optimizers that together move every parameter once.

    `adamw`: AdamW (Loshchilov & Hutter 2019) for all, with weight decay on matrices only.
    `muon`: Muon for the matrices inside the blocks; embeddings, head and norms, which
    it is not made for, under AdamW without weight decay.

    Every group remembers its highest step size as `initial_lr`; see `set_learning_rate`.
    """
    named = dict(model.named_parameters())
    if config.optimizer == "adamw":
        matrices = [parameter for parameter in named.values() if parameter.dim() >= 2]
        vectors = [parameter for parameter in named.values() if parameter.dim() < 2]
        groups = [(matrices, config.weight_decay), (vectors, 0.0)]
        return [_remembering(_adamw(groups, config))]
    inner = {name: p for name, p in named.items() if name.startswith("blocks.") and p.dim() == 2}
    outer = [parameter for name, parameter in named.items() if name not in inner]
    muon = Muon(inner.values(), lr=config.matrix_learning_rate, weight_decay=config.weight_decay)
    return [_remembering(muon), _remembering(_adamw([(outer, 0.0)], config))]


def set_learning_rate(optimizers: Sequence[torch.optim.Optimizer], share: float) -> None:
    """Sets every step size to a share of its highest."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * share


def _adamw(
    groups: list[tuple[list[torch.nn.Parameter], float]], config: TrainConfig
) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        [{"params": params, "weight_decay": decay} for params, decay in groups if params],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        fused=True,
    )


def _remembering(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = optimizer.param_groups
    for group in groups:
        group["initial_lr"] = group["lr"]
    return optimizer
