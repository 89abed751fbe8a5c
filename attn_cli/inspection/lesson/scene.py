"""What a lesson looks at: a forward pass, one layer of it, one head, one character.

Shapes: T time (characters), C channels = n_embd, H heads, D head size,
F feed-forward width, V vocabulary, L layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from attn_cli.inspection.forward_pass import ForwardPass
from attn_cli.inspection.lesson.decimals import OMITTED, TABLE, written
from attn_cli.inspection.steps import Table
from attn_cli.model.attention import MultiHeadAttention
from attn_cli.model.block import Block
from attn_cli.text.display import printable_symbol
from attn_cli.text.tokenizer import Tokenizer

MOST = 8  # rows and columns that a table shows; a matrix with no more is shown in full


@dataclass(frozen=True)
class Scene:
    """The numbers that the steps are made of.

    Attributes:
        seen: The text's way through the model.
        tokenizer: Its vocabulary.
        layer: The layer that is followed, from 0.
        head: The head of it, from 0.
        T, C, H, D, F, V, L: The sizes.
    """

    seen: ForwardPass
    tokenizer: Tokenizer
    layer: int
    head: int
    T: int
    C: int
    H: int
    D: int
    F: int
    V: int
    L: int

    @property
    def last(self) -> int:
        """The position that is followed: the last one, whose prediction is yet to be drawn."""
        return self.T - 1

    @property
    def block(self) -> Block:
        block = self.seen.model.blocks[self.layer]
        assert isinstance(block, Block)
        return block

    @property
    def attention(self) -> MultiHeadAttention:
        return self.block.attention

    @cached_property
    def weights(self) -> torch.Tensor:
        """What each character gives to each in this head, (T, T)."""
        return self.of_head("softmax weights")

    @cached_property
    def key(self) -> int:
        """The position that the last character looks at most."""
        return int(self.weights[self.last].argmax())

    def of_layer(self, operation: str) -> torch.Tensor:
        """A tensor of the layer, (T, C) or (H, T, ...)."""
        return self.seen[f"block {self.layer + 1}.{operation}"]

    def has(self, operation: str) -> bool:
        """Whether this shape of block has the operation."""
        return f"block {self.layer + 1}.{operation}" in self.seen

    def of_head(self, operation: str) -> torch.Tensor:
        """A tensor of the head, (T, D) or (T, T)."""
        return self.of_layer(f"attention.{operation}")[self.head]

    def symbol(self, id_: int) -> str:
        """A character of the vocabulary, so that it can be seen."""
        return printable_symbol(self.tokenizer.symbols[id_])

    def quoted(self, position: int) -> str:
        """A character of the text with its place: ‘l’ at position 3."""
        return f"‘{self.symbol(self.seen.ids[position])}’ at position {position}"

    @cached_property
    def shown(self) -> tuple[int, ...]:
        """The positions that tables show: all, or of a long text the last and the key's."""
        if self.T <= MOST:
            return tuple(range(self.T))
        return tuple(sorted({self.key, *range(self.T - MOST + (self.key < self.T - MOST), self.T)}))

    @property
    def hidden(self) -> list[int]:
        """The positions that no table shows."""
        return [position for position in range(self.T) if position not in self.shown]

    @property
    def places(self) -> tuple[str, ...]:
        """The names of the shown rows."""
        digits = len(str(self.last))
        return tuple(
            f"{place:{digits}} {self.symbol(self.seen.ids[place])}" for place in self.shown
        )

    @property
    def heads_of_columns(self) -> tuple[str, ...]:
        """The names of the shown columns, where columns are characters."""
        return tuple(self.symbol(self.seen.ids[place]) for place in self.shown)

    def vectors(self, what: str, axes: str, vectors: torch.Tensor) -> Table:
        """A vector for each shown character: a row of channels each, (T, channels)."""
        rows = vectors[list(self.shown)].tolist()
        return matrix(f"{what}, {shape(axes, vectors)}{self.cut}", self.places, rows)

    def pairs(self, what: str, numbers: torch.Tensor, decimals: int = TABLE) -> Table:
        """A number for each two shown characters: queries down, keys across, (T, T)."""
        rows = numbers[list(self.shown)][:, list(self.shown)].tolist()
        cells = iter(written([number for row in rows for number in row], decimals))
        return Table(
            f"{what}, {shape('T, T', numbers)}{self.cut}",
            self.heads_of_columns,
            tuple((place, tuple(next(cells) for _ in self.shown)) for place in self.places),
        )

    @property
    def cut(self) -> str:
        """What a caption says of a text that is longer than a table."""
        return f"; {len(self.shown)} of them" if self.hidden else ""


def scene_of(seen: ForwardPass, tokenizer: Tokenizer, layer: int, head: int) -> Scene:
    """A forward pass with its sizes by their letters."""
    config = seen.model.config
    C, H = config.n_embd, config.n_head
    F, V, L = config.inner_width, seen.model.vocab_size, config.n_layer
    return Scene(seen, tokenizer, layer, head, len(seen.ids), C, H, C // H, F, V, L)


def shape(axes: str, tensor: torch.Tensor) -> str:
    """The shape in symbols and in numbers: (T, C) = (5, 16)."""
    return f"({axes}) = ({', '.join(map(str, tensor.shape))})"


def channels(count: int) -> tuple[int | None, ...]:
    """The channels that a table shows, from 0; None stands for those between."""
    if count <= MOST:
        return tuple(range(count))
    return (*range(MOST - 2), None, count - 1)


def matrix(caption: str, names: Sequence[str], rows: Sequence[Sequence[float]]) -> Table:
    """Rows of numbers under the numbers of their channels, the middle ones left out."""
    chosen = channels(len(rows[0]))
    cells = iter(written([row[i] for row in rows for i in chosen if i is not None]))
    return Table(
        caption,
        tuple(OMITTED if i is None else str(i) for i in chosen),
        tuple(
            (name, tuple(OMITTED if i is None else next(cells) for i in chosen)) for name in names
        ),
    )


def in_full(caption: str, weight: torch.Tensor, names: Sequence[str] = ()) -> tuple[Table, ...]:
    """A matrix of weights, where it is small enough to be shown as it is."""
    if max(weight.shape) > MOST:
        return ()
    names = names or [str(row) for row in range(len(weight))]
    return (matrix(f"{caption} = ({', '.join(map(str, weight.shape))})", names, weight.tolist()),)
