"""What a lesson follows: one forward pass, one layer, one head, one character.

Shapes: T time (characters), C channels = n_embd, H heads, D head size,
F feed-forward width, V vocabulary, L layers.
"""

import math
from collections import Counter
from collections.abc import Sequence
from functools import cached_property

import torch

from attn_cli.inspection.forward_pass import ForwardPass
from attn_cli.inspection.hidden_characters import HiddenCharacters
from attn_cli.inspection.lesson.blocks import Map, Table
from attn_cli.inspection.lesson.rounding import OMITTED, SUM, TABLE, rounded, rounded_rows
from attn_cli.text.display import map_symbol, printable_symbol
from attn_cli.text.tokenizer import Tokenizer

CANDIDATES = 5  # characters whose probabilities are shown
TIE = 1e-5  # weights that differ by less count as equal
MAX_SHOWN = 8  # rows and columns of a table; a matrix with no more is shown in full


class LessonContext:
    """The tensors and sizes that every step of a lesson draws on.

    Attributes:
        T, C, H, D, F, V, L: The sizes.
        encoder: Whether the model sees both sides of a character, and fills blanks.
        followed: The position that is followed: the last one, whose next character is not known;
            of an encoder, the first blank.
        hidden: Of an encoder, each character of the text hidden in turn; None where some are not
            known, and of a decoder.
        decoder: A decoder on the same text, and its vocabulary, to compare with; may be None.
        attention_weights: Of the head, (T, T): rows are queries, and sum to 1.
        top_key: The position with the largest weight in the followed row.
    """

    def __init__(
        self,
        activations: ForwardPass,
        tokenizer: Tokenizer,
        layer: int,
        head: int,
        hidden: HiddenCharacters | None = None,
        decoder: tuple[ForwardPass, Tokenizer] | None = None,
    ) -> None:
        self.activations = activations
        self.tokenizer = tokenizer
        self.layer = layer
        self.head = head
        self.hidden = hidden
        self.decoder = decoder
        self.model, self.ids = activations.model, activations.ids
        config = self.model.config
        self.T, self.C, self.H = len(self.ids), config.n_embd, config.n_head
        self.D, self.F = self.C // self.H, config.inner_width
        self.V, self.L = self.model.vocab_size, config.n_layer
        self.encoder = tokenizer.mask_id is not None
        self.followed = self.ids.index(tokenizer.mask_id) if self.encoder else self.T - 1
        self.block = self.model.layers()[layer]
        self.attention = self.block.attention
        self.attention_weights = self.head_tensor("softmax weights")
        self.top_key = int(self.attention_weights[self.followed].argmax())

    def name(self, module: str) -> str:
        """The name of a module of the layer within the model."""
        return f"blocks.{self.layer}.{module}"

    def layer_tensor(self, operation: str) -> torch.Tensor:
        """A tensor of the layer, (T, C) or (H, T, ...)."""
        return self.activations[f"block {self.layer + 1}.{operation}"]

    def has(self, operation: str) -> bool:
        """Whether the layer has this operation."""
        return f"block {self.layer + 1}.{operation}" in self.activations

    def head_tensor(self, operation: str) -> torch.Tensor:
        """A tensor of the head, (T, D) or (T, T)."""
        return self.layer_tensor(f"attention.{operation}")[self.head]

    def symbol(self, id_: int) -> str:
        """A character of the vocabulary, made visible."""
        return printable_symbol(self.tokenizer.symbols[id_])

    def quoted(self, position: int) -> str:
        """A character of the text with its position: ‘l’ at position 3."""
        return f"‘{self.symbol(self.ids[position])}’ at position {position}"

    @cached_property
    def visible_scores(self) -> torch.Tensor:
        """The scores of the head that its softmax turns into weights, (T, T)."""
        return self.head_tensor("scaled scores" if self.encoder else "masked scores")

    @cached_property
    def candidates(self) -> list[int]:
        """The most probable ids for what the model is asked, the most probable first."""
        order = self.answer_logits.argsort(descending=True, stable=True).tolist()
        return [int(id_) for id_ in order[: len(order) if len(order) <= MAX_SHOWN else CANDIDATES]]

    @cached_property
    def answer_logits(self) -> torch.Tensor:
        """The logits (V,) at the followed character; of an encoder all but the mask's, the last."""
        return self.activations["logits"][self.followed, : self.V - self.encoder]

    @cached_property
    def shown(self) -> tuple[int, ...]:
        """The positions in tables: all, or in a long text those around `followed`, and `top_key`.

        Of a decoder, which follows the last, those are the last ones.
        """
        if self.T <= MAX_SHOWN:
            return tuple(range(self.T))
        around = self._around(MAX_SHOWN)
        if self.top_key not in around:
            around = self._around(MAX_SHOWN - 1)
        return tuple(sorted({self.top_key, *around}))

    def _around(self, count: int) -> range:
        """So many positions in a row, with the followed one as near to their middle as can be."""
        first = min(max(0, self.followed - count // 2), self.T - count)
        return range(first, first + count)

    @property
    def top_key_is_apart(self) -> bool:
        """Whether `top_key` stands away from the other shown positions."""
        others = set(self.shown) - {self.top_key}
        return self.top_key < min(others) - 1 or self.top_key > max(others) + 1

    @property
    def commonest(self) -> tuple[int, int]:
        """The most frequent id of the text, the first of them, and how often it comes."""
        return Counter(self.ids).most_common(1)[0]

    @property
    def ties(self) -> int:
        """How many other weights of the followed row equal its largest."""
        row = self.attention_weights[self.followed]
        return int((row > row[self.top_key] - TIE).sum()) - 1

    @property
    def weights_without_mask(self) -> torch.Tensor:
        """What the scores of the head would give without a mask, (T, T)."""
        return self.head_tensor("scaled scores").softmax(dim=-1)

    @property
    def weights_with_mask(self) -> torch.Tensor:
        """What those of an encoder would give with a causal mask, (T, T)."""
        future = torch.ones_like(self.visible_scores, dtype=torch.bool).triu(1)
        return self.visible_scores.masked_fill(future, -torch.inf).softmax(dim=-1)

    def at_temperature(self, temperature: float) -> tuple[str, ...]:
        """The candidates' probabilities at a temperature, and those of all others together."""
        row = self.answer_logits.double()
        shown = (row / temperature).softmax(dim=-1)[self.candidates].tolist()
        return rounded([*shown, max(1 - math.fsum(shown), 0.0)], SUM)

    @property
    def drawn(self) -> str:
        """The probability of the most probable candidate."""
        return self.at_temperature(1.0)[0]

    @property
    def omitted(self) -> list[int]:
        """The positions that no table shows."""
        return [position for position in range(self.T) if position not in self.shown]

    @property
    def row_names(self) -> tuple[str, ...]:
        """Position and character of each shown row."""
        digits = len(str(self.T - 1))
        return tuple(f"{t:{digits}} {self.symbol(self.ids[t])}" for t in self.shown)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The character of each shown column."""
        return tuple(self.symbol(self.ids[t]) for t in self.shown)

    def vector_table(self, what: str, axes: str, vectors: torch.Tensor) -> Table:
        """A row of channels for each shown character, of (T, channels)."""
        rows = vectors[list(self.shown)].tolist()
        caption = f"{what}, {shape_text(axes, vectors)}{self.truncation}"
        return matrix_table(caption, self.row_names, rows)

    def pair_table(self, what: str, numbers: torch.Tensor, decimals: int = TABLE) -> Table:
        """Queries down, keys across, of (T, T)."""
        rows = numbers[list(self.shown)][:, list(self.shown)].tolist()
        cells = rounded_rows(rows, decimals)
        caption = f"{what}, {shape_text('T, T', numbers)}{self.truncation}"
        return Table(caption, self.column_names, tuple(zip(self.row_names, cells, strict=True)))

    def map(self, caption: str, weights: torch.Tensor) -> Map:
        """A map of attention weights, (T, T), of the whole text."""
        symbols = tuple(map_symbol(self.tokenizer.symbols[id_]) for id_ in self.ids)
        return Map(caption, symbols, symbols, tuple(map(tuple, weights.tolist())))

    @property
    def truncation(self) -> str:
        """The end of a caption where a table shows only some of the text."""
        return f"; {len(self.shown)} of them" if self.omitted else ""


def shape_text(axes: str, tensor: torch.Tensor) -> str:
    """The shape in symbols and in numbers: (T, C) = (5, 16)."""
    return f"({axes}) = ({', '.join(map(str, tensor.shape))})"


def shown_channels(count: int) -> tuple[int | None, ...]:
    """The channels that a table shows, from 0; None stands for those between."""
    if count <= MAX_SHOWN:
        return tuple(range(count))
    return (*range(MAX_SHOWN - 2), None, count - 1)


def matrix_table(caption: str, names: Sequence[str], rows: Sequence[Sequence[float]]) -> Table:
    """Rows of numbers under their channel numbers, the middle channels left out."""
    chosen = shown_channels(len(rows[0]))
    shown = [i for i in chosen if i is not None]
    cells = rounded_rows([[row[i] for i in shown] for row in rows])
    by_channel = dict(zip(shown, zip(*cells, strict=True), strict=True))
    columns = {
        OMITTED if i is None else str(i): [OMITTED] * len(rows) if i is None else by_channel[i]
        for i in chosen
    }
    return Table.of_columns(caption, names, columns)


def small_matrix(
    caption: str, weight: torch.Tensor, names: Sequence[str] = ()
) -> tuple[Table, ...]:
    """A weight matrix as it is, where it is small enough to be shown in full; else nothing."""
    if max(weight.shape) > MAX_SHOWN:
        return ()
    names = names or [str(row) for row in range(len(weight))]
    shape = ", ".join(map(str, weight.shape))
    return (matrix_table(f"{caption} = ({shape})", names, weight.tolist()),)
