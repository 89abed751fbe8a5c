"""The forward pass of one text, every tensor by the name of its operation.

Shapes: T time (characters), C channels = n_embd, H heads, V vocabulary, L layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from attn_cli.model.trace import Record, Trace
from attn_cli.model.transformer import Transformer


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """The activations of a model on one text.

    Attributes:
        model: The model, in evaluation mode.
        ids: The text's characters, T of them.
        records: Every operation, in order; the tensors have a batch axis of 1.
    """

    model: Transformer
    ids: tuple[int, ...]
    records: Sequence[Record]

    def __getitem__(self, name: str) -> torch.Tensor:
        """The tensor of an operation by its full name, `block 1.attention.scores`.

        Without the batch axis. Raises KeyError where the model has no such operation.
        """
        record = self._by_name[name]
        return record.tensor[0] if record.axes[0] == "B" else record.tensor

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @cached_property
    def _by_name(self) -> dict[str, Record]:
        return {record.full_name: record for record in self.records}

    @cached_property
    def attention(self) -> torch.Tensor:
        """The attention weights of every head, (L, H, T, T): rows are queries, and sum to 1."""
        return torch.stack([self[f"{path}.attention.softmax weights"] for path in self._blocks])

    @cached_property
    def residual_stream(self) -> torch.Tensor:
        """The residual stream, (L + 1, T, C): before the first block and after each."""
        before = "token + position" if "token + position" in self else "token embedding"
        after = [self[f"{path}.feed-forward residual"] for path in self._blocks]
        return torch.stack([self[before], *after])

    @cached_property
    def losses(self) -> torch.Tensor:
        """The cross-entropy of each character but the first, (T - 1,) in nats."""
        targets = torch.tensor(self.ids[1:], dtype=torch.int64, device=self["logits"].device)
        return F.cross_entropy(self["logits"][:-1].float(), targets, reduction="none")

    @property
    def _blocks(self) -> list[str]:
        return [f"block {number + 1}" for number in range(self.model.config.n_layer)]


@torch.no_grad()
def forward_pass(model: Transformer, ids: Sequence[int]) -> ForwardPass:
    """Runs a text of T ids, at most `block_size`, through a model."""
    trace = Trace()
    model.eval()
    model(torch.tensor([list(ids)], device=model.token_embedding.weight.device), trace=trace)
    return ForwardPass(model, tuple(ids), trace.records)


def select_heads(of_all: torch.Tensor, layers: range, heads: range) -> NDArray[np.float32]:
    """The selected heads out of all (L, H, ...); layers and heads are numbered from 1."""
    selected = of_all[layers.start - 1 : layers.stop - 1, heads.start - 1 : heads.stop - 1]
    array: NDArray[np.float32] = selected.float().cpu().numpy()
    return array
