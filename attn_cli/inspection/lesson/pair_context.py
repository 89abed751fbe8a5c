"""What the lesson on an encoder-decoder follows: one pair, one head, one step of writing.

Shapes: T target, S source, D head size.
"""

import torch

from attn_cli.inspection.lesson.context import MAX_SHOWN
from attn_cli.inspection.pair_pass import PairPass
from attn_cli.text.display import printable_symbol
from attn_cli.text.tokenizer import Tokenizer


class PairContext:
    """The tensors and names that every step of the lesson draws on.

    Args:
        activations: The forward pass.
        tokenizer: The model's vocabulary.
        layer: The layer that is followed, from 0.
        head: The head of that layer's cross-attention, from 0.

    Attributes:
        symbols: The vocabulary, made visible.
        read: What the decoder reads, a newline and then the target, T symbols.
        target: What it writes, the target and then a newline, T symbols.
        source: What the encoder reads, the source and a newline, S symbols.
        weights: Of the head, (T, S): rows are steps of writing, and sum to 1.
        followed: The step that is followed: the one with the largest weight.
        top_key: The position in the source that has this weight.
        steps: The steps that tables show.
        keys: The positions in the source that tables show.
    """

    def __init__(self, activations: PairPass, tokenizer: Tokenizer, layer: int, head: int) -> None:
        self.activations = activations
        self.layer, self.head = layer, head
        self.symbols = [printable_symbol(symbol) for symbol in tokenizer.symbols]
        self.read, self.target, self.source = (
            [self.symbols[id_] for id_ in ids]
            for ids in (activations.ids, activations.target_ids, activations.source_ids)
        )
        self.weights = self.head_tensor("softmax weights")
        self.followed, self.top_key = divmod(int(self.weights.argmax()), len(self.source))
        self.steps = _around(self.followed, len(self.target))
        self.keys = _around(self.top_key, len(self.source))

    def layer_tensor(self, operation: str) -> torch.Tensor:
        """A tensor of the decoder's layer, (T, C) or (H, T, ...)."""
        return self.activations[f"decoder.block {self.layer + 1}.{operation}"]

    def head_tensor(self, operation: str) -> torch.Tensor:
        """A tensor of the head, (T, D), (S, D) or (T, S)."""
        return self.layer_tensor(f"cross-attention.{operation}")[self.head]

    def has(self, operation: str) -> bool:
        """Whether the layer's cross-attention has this operation."""
        return f"decoder.block {self.layer + 1}.cross-attention.{operation}" in self.activations

    def queries_and_keys(self) -> tuple[torch.Tensor, torch.Tensor]:
        """As the scores compare them, (T, D) and (S, D)."""
        for query, key in (("rotated query", "rotated key"), ("query norm", "key norm")):
            if self.has(query):
                return self.head_tensor(query), self.head_tensor(key)
        return self.head_tensor("query heads"), self.head_tensor("key heads")

    def quoted_target(self, t: int) -> str:
        """A character of the target with its position."""
        return f"‘{self.target[t]}’ at position {t} of the target"

    def quoted_source(self, s: int) -> str:
        """A character of the source with its position."""
        return f"‘{self.source[s]}’ at position {s} of the source"

    @property
    def step_names(self) -> list[str]:
        """Position and character of each shown step."""
        return _names(self.target, self.steps)

    @property
    def key_names(self) -> list[str]:
        """Position and character of each shown key."""
        return _names(self.source, self.keys)

    def truncation(self, axis: str) -> str:
        """The end of a caption where a table shows only some of a text, "T" or "S"."""
        shown, text = (self.keys, self.source) if axis == "S" else (self.steps, self.target)
        return f"; {len(shown)} of them" if len(shown) < len(text) else ""


def _names(text: list[str], shown: range) -> list[str]:
    digits = len(str(len(text) - 1))
    return [f"{position:{digits}} {text[position]}" for position in shown]


def _around(place: int, count: int) -> range:
    """All places, or as many as a table shows, with this one near their middle."""
    shown = min(MAX_SHOWN, count)
    first = min(max(0, place - shown // 2), count - shown)
    return range(first, first + shown)
