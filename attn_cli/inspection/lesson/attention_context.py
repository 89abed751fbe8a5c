"""What every lesson follows: one forward pass, and in it one row of one head's weights.

Shapes: T queries, S keys (in self-attention the same text), D head size, V vocabulary.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property

import torch

from attn_cli.inspection.forward_pass import ForwardPass
from attn_cli.inspection.lesson.blocks import Map, Table
from attn_cli.inspection.lesson.rounding import SUM, TABLE, rounded, rounded_rows
from attn_cli.inspection.lesson.shown import MAX_SHOWN, ShownPositions
from attn_cli.inspection.lesson.tables import matrix_table, shape_text
from attn_cli.text.display import printable_symbol
from attn_cli.text.tokenizer import Tokenizer

CANDIDATES = 5  # characters whose probabilities are shown


class AttentionContext(ABC):
    """The tensors and names that every step of a lesson draws on.

    Attributes:
        attention_weights: Of the head, (T, S): rows are queries, and sum to 1.
        followed: The query that is followed.
        top_key: The position with the largest weight in its row.
        queries: The queries that tables show.
        keys: The keys that tables show.
    """

    attention_weights: torch.Tensor
    followed: int
    top_key: int
    queries: ShownPositions
    keys: ShownPositions

    def __init__(
        self, activations: ForwardPass, tokenizer: Tokenizer, layer: int, head: int
    ) -> None:
        self.activations, self.tokenizer = activations, tokenizer
        self.layer, self.head = layer, head
        self.model, self.ids = activations.model, activations.ids
        self.H = self.model.config.n_head

    @abstractmethod
    def layer_tensor(self, operation: str) -> torch.Tensor:
        """A tensor of the layer, (T, C) or (H, T, ...)."""

    @abstractmethod
    def has(self, operation: str) -> bool:
        """Whether the layer has this operation."""

    @abstractmethod
    def head_tensor(self, operation: str) -> torch.Tensor:
        """A tensor of the head, (T, D), (S, D) or (T, S)."""

    @property
    @abstractmethod
    def answers(self) -> Mapping[int, tuple[int, float]]:
        """The positions at which the right answer is known: its id, and its loss in nats."""

    def symbol(self, id_: int) -> str:
        """A character of the vocabulary, made visible."""
        return printable_symbol(self.tokenizer.symbols[id_])

    @property
    def answer_logits(self) -> torch.Tensor:
        """The logits (V,) at the followed position."""
        return self.activations["logits"][self.followed]

    @cached_property
    def candidates(self) -> list[int]:
        """The most probable ids for what the model is asked, the most probable first."""
        order = self.answer_logits.argsort(descending=True, stable=True).tolist()
        return [int(id_) for id_ in order[: len(order) if len(order) <= MAX_SHOWN else CANDIDATES]]

    def at_temperature(self, temperature: float) -> tuple[str, ...]:
        """The candidates' probabilities at a temperature, and those of all others together."""
        row = self.answer_logits.double()
        shown = (row / temperature).softmax(dim=-1)[self.candidates].tolist()
        return rounded([*shown, max(1 - math.fsum(shown), 0.0)], SUM)

    @property
    def mean_loss(self) -> float:
        """The mean loss of all answers, in nats."""
        return math.fsum(loss for _, loss in self.answers.values()) / len(self.answers)

    def vector_table(self, what: str, axes: str, vectors: torch.Tensor) -> Table:
        """A row of channels for each shown key, of (S, channels)."""
        rows = vectors[list(self.keys.positions)].tolist()
        caption = f"{what}, {shape_text(axes, vectors)}{self.keys.truncation}"
        return matrix_table(caption, self.keys.names, rows)

    def pair_table(
        self, what: str, numbers: torch.Tensor, decimals: int = TABLE, axes: str = "T, T"
    ) -> Table:
        """Queries down, keys across, of (T, S)."""
        rows = numbers[list(self.queries.positions)][:, list(self.keys.positions)].tolist()
        cells = rounded_rows(rows, decimals)
        cut = self.queries.truncation or self.keys.truncation
        caption = f"{what}, {shape_text(axes, numbers)}{cut}"
        named = zip(self.queries.names, cells, strict=True)
        return Table(caption, self.keys.headings, tuple(named))

    @abstractmethod
    def map(self, caption: str, weights: torch.Tensor) -> Map:
        """A map of attention weights, (T, S), of the whole texts."""
