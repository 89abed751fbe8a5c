"""A trace: every tensor of a forward pass, by the name of the operation that made it.

The model calls `trace.record(...)` after each operation. With `NO_TRACE`, the
default everywhere, that call does nothing. With a `TraceRecorder` it keeps the tensor,
the names of its axes and the parameters that made it, and inspection reads only
that: the symbols of a shape come from the operation that wrote the tensor, never
from comparing sizes, so C may equal V or T.

Symbols: B batch, T time (characters), S source (what is attended to, where it
is not the T characters themselves), C channels = n_embd, H heads, D head size = C / H,
F feed-forward width, V vocabulary, L layers, N lengths of n-grams, E width of their tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn


@dataclass(frozen=True)
class TraceRecord:
    """One operation of a forward pass."""

    path: str  # where in the model it happened, `block 1.attention`; empty at the top
    operation: str  # what was done, `scores`
    axes: tuple[str, ...]  # one symbol for each axis of the tensor, `("B", "H", "T", "T")`
    tensor: torch.Tensor  # the result, detached
    parameters: tuple[nn.Parameter, ...]  # what was learned for this operation alone
    reduced_size: int  # products summed for each number of a matrix product; else 0

    @property
    def full_name(self) -> str:
        """Path and operation, `block 1.attention.scores`."""
        return f"{self.path}.{self.operation}" if self.path else self.operation


class NullTrace:
    """Records nothing, at next to no cost.

    Attributes:
        textbook: Whether attention has to compute scores and weights as tensors of their own,
            instead of by the kernel that is fastest here.
    """

    textbook: bool = False

    def scope(self, name: str, *, time: str = "") -> NullTrace:
        return self

    def record(
        self,
        operation: str,
        tensor: torch.Tensor,
        axes: str,
        learned: nn.Module | None = None,
        *,
        reduced_size: int = 0,
    ) -> None:
        return None


@dataclass
class TraceRecorder(NullTrace):
    """Keeps every recorded operation of a forward pass, in order.

    What it keeps are the tensors of the pass that it is given to. Only the textbook's form
    of attention has scores and weights; without it the model runs as it does untraced.

    Args:
        path: Where in the model this trace is; `scope` makes the deeper ones.
        records: Shared by a trace and all that came from it by `scope`.
        textbook: Whether attention has to compute scores and weights, to be recorded.
        time: The symbol of the time axis: "S" where what is read is a source.
    """

    path: str = ""
    records: list[TraceRecord] = field(default_factory=list)
    textbook: bool = True
    time: str = "T"

    def scope(self, name: str, *, time: str = "") -> TraceRecorder:
        """The same trace, one level deeper in the model.

        Args:
            name: Of the deeper part.
            time: The symbol of its time axis, where it is another.
        """
        path = f"{self.path}.{name}" if self.path else name
        return TraceRecorder(path, self.records, self.textbook, time or self.time)

    def record(
        self,
        operation: str,
        tensor: torch.Tensor,
        axes: str,
        learned: nn.Module | None = None,
        *,
        reduced_size: int = 0,
    ) -> None:
        """Keeps one operation.

        Args:
            operation: What was done.
            tensor: Its result.
            axes: The symbols of its axes, with spaces between: `"B H T T"`.
            learned: The module whose own parameters the operation used.
            reduced_size: The length of the axis that a product of two matrices sums over; that
                of a linear layer is known.
        """
        symbols = tuple(axes.replace("T", self.time).split())
        if tensor.dim() == len(symbols) - 1:
            symbols = tuple(symbol for symbol in symbols if symbol != "B")  # a text without batch
        assert len(symbols) == tensor.dim(), f"{operation}: {symbols} for {tuple(tensor.shape)}"
        parameters = () if learned is None else tuple(learned.parameters())
        if isinstance(learned, nn.Linear):
            reduced_size = learned.in_features
        self.records.append(
            TraceRecord(self.path, operation, symbols, tensor.detach(), parameters, reduced_size)
        )


NO_TRACE = NullTrace()
