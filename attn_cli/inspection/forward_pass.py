"""The forward pass of one text, every tensor by the name of its operation.

Shapes: T time (characters), C channels = n_embd, H heads, V vocabulary, L layers.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from attn_cli.errors import InputError
from attn_cli.model.stack import Stack, evaluation_mode
from attn_cli.model.trace import TraceRecord, TraceRecorder


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """The activations of a model on one text."""

    model: Stack
    ids: tuple[int, ...]  # the text's characters, T of them
    records: Sequence[TraceRecord]  # every operation, in order; the tensors have a batch axis of 1

    # What the names of operations begin with in the stack that predicts.
    stack: ClassVar[str] = ""

    def __getitem__(self, name: str) -> torch.Tensor:
        """The tensor of an operation by its full name, `block 1.attention.scores`.

        Without the batch axis. Raises KeyError where the model has no such operation.
        """
        record = self._by_name[name]
        return record.tensor[0] if record.axes[0] == "B" else record.tensor

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @cached_property
    def _by_name(self) -> dict[str, TraceRecord]:
        return {record.full_name: record for record in self.records}

    @cached_property
    def attention(self) -> torch.Tensor:
        """The attention weights of every head, (L, H, T, T): rows are queries, and sum to 1.

        Raises:
            InputError: The model's blocks record none.
        """
        return torch.stack(self.of_each_block("attention.softmax weights"))

    @cached_property
    def residual_stream(self) -> torch.Tensor:
        """The residual stream, (L + 1, T, C): before the first block and after each.

        Raises:
            InputError: The model's blocks do not record it.
        """
        added = (f"{self.stack}{name}" for name in ("token + position", "token + n-grams"))
        before = next((name for name in added if name in self), f"{self.stack}token embedding")
        return torch.stack([self[before], *self.of_each_block("feed-forward residual")])

    @cached_property
    def losses(self) -> torch.Tensor:
        """The cross-entropy of each character but the first, (T - 1,) in nats."""
        targets = torch.tensor(self.ids[1:], dtype=torch.int64, device=self["logits"].device)
        return F.cross_entropy(self["logits"][:-1].float(), targets, reduction="none")

    def of_each_block(self, operation: str, stack: str | None = None) -> list[torch.Tensor]:
        """The tensors of an operation that every block has, one a block.

        Args:
            operation: Its name within a block, `attention.scores`.
            stack: What the names in another stack begin with, `encoder.`.

        Raises:
            InputError: The model's blocks do not record it.
        """
        stack = self.stack if stack is None else stack
        layers = range(1, self.model.config.n_layer + 1)
        names = [f"{stack}block {layer}.{operation}" for layer in layers]
        if not all(name in self for name in names):
            raise unsupported_block(self.model, f"does not record {operation!r}")
        return [self[name] for name in names]


@torch.no_grad()
def forward_pass(model: Stack, ids: Sequence[int], *, mask: bool = True) -> ForwardPass:
    """Runs a text of T ids, at most `block_size`, through a model.

    Args:
        model: The model.
        ids: The text.
        mask: False takes a decoder's causal mask away, in every layer: each character then sees
            those that come after it, which the model was never trained for.
    """
    trace = TraceRecorder()
    with evaluation_mode(model), nullcontext() if mask else _without_mask(model):
        model(torch.tensor([list(ids)], device=model.token_embedding.weight.device), trace=trace)
    return ForwardPass(model, tuple(ids), trace.records)


@contextmanager
def _without_mask(model: Stack) -> Iterator[None]:
    """Within it, no layer's attention hides what comes later."""
    attentions = [block.attention for block in model.layers()]
    before = [attention.causal for attention in attentions]
    try:
        for attention in attentions:
            attention.causal = False
        yield
    finally:
        for attention, causal in zip(attentions, before, strict=True):
            attention.causal = causal


def unsupported_block(model: Stack, reason: str) -> InputError:
    """The error for a model whose kind of block cannot be inspected in this way."""
    return InputError(
        f"cannot inspect this in a model of block {model.config.block!r}: it {reason}",
        "inspect-shapes shows every operation that it records",
    )


def select_heads(of_all: torch.Tensor, layers: range, heads: range) -> NDArray[np.float32]:
    """The selected heads out of all (L, H, ...); layers and heads are numbered from 1."""
    selected = of_all[layers.start - 1 : layers.stop - 1, heads.start - 1 : heads.stop - 1]
    array: NDArray[np.float32] = selected.float().cpu().numpy()
    return array
