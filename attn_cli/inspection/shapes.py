"""Every operation on the way through a model, with its shape in symbols and in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from attn_cli.model.trace import Record, Trace
from attn_cli.model.transformer import Transformer


@dataclass(frozen=True)
class ShapeRow:
    """One operation.

    Attributes:
        path: Where in the model, `block 1.attention`; empty at the top.
        operation: What was done.
        symbolic: One symbol an axis.
        shape: The size of each axis.
        parameters: Numbers that were learned for this operation and not counted above.
        tied: Whether it uses parameters that an earlier row counted.
    """

    path: str
    operation: str
    symbolic: tuple[str, ...]
    shape: tuple[int, ...]
    parameters: int
    tied: bool

    @property
    def full_name(self) -> str:
        """Path and operation, `block 1.attention.scores`."""
        return f"{self.path}.{self.operation}" if self.path else self.operation


@dataclass(frozen=True)
class Shapes:
    """What `attn inspect-shapes` shows.

    Attributes:
        dims: Each symbol and its value.
        rows: The operations, in the order in which they happen.
        parameters: Learned numbers of the whole model; shared ones count once.
    """

    dims: Mapping[str, int]
    rows: Sequence[ShapeRow]
    parameters: int


@torch.no_grad()
def inspect_shapes(model: Transformer, ids: Sequence[int]) -> Shapes:
    """Runs a text of T ids through the model once, and reads every operation from the trace."""
    trace = Trace()
    device = model.token_embedding.weight.device
    model.eval()
    model(torch.tensor([ids], device=device), trace=trace)  # (1, T)
    return Shapes(_dims(model, len(ids)), _rows(trace.records), model.parameter_count())


def _dims(model: Transformer, length: int) -> dict[str, int]:
    config = model.config
    return {
        "B": 1,
        "T": length,
        "C": config.n_embd,
        "H": config.n_head,
        "D": config.n_embd // config.n_head,
        "F": config.inner_width,
        "V": model.vocab_size,
        "L": config.n_layer,
    }


def _rows(records: Sequence[Record]) -> list[ShapeRow]:
    counted: set[int] = set()
    rows = []
    for record in records:
        new = [p for p in record.parameters if id(p) not in counted]
        counted.update(id(parameter) for parameter in new)
        rows.append(
            ShapeRow(
                path=record.path,
                operation=record.operation,
                symbolic=record.axes,
                shape=tuple(record.tensor.shape),
                parameters=sum(parameter.numel() for parameter in new),
                tied=len(new) < len(record.parameters),
            )
        )
    return rows
