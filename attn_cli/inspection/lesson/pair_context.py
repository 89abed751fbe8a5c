"""What the lesson on an encoder-decoder follows: one pair, one head, one step of writing.

Shapes: T target, S source, D head size, V vocabulary.
"""

from collections.abc import Mapping
from functools import cached_property

import torch

from attn_cli.inspection.lesson.attention_context import AttentionContext
from attn_cli.inspection.lesson.blocks import Map
from attn_cli.inspection.lesson.shown import shown_around
from attn_cli.inspection.pair_pass import PairPass
from attn_cli.text.display import map_symbol
from attn_cli.text.tokenizer import Tokenizer


class PairContext(AttentionContext):
    """The tensors and names that every step of the lesson draws on.

    Its queries are the steps of writing, named by what each writes; its keys are the source.

    Args:
        activations: The forward pass.
        tokenizer: The model's vocabulary.
        layer: The layer that is followed, from 0.
        head: The head of that layer's cross-attention, from 0.

    Attributes:
        source: What the encoder reads, the source and a newline, S symbols.
        read: What the decoder reads, a newline and then the target, T symbols.
        target: What it writes, the target and then a newline, T symbols.
        followed: The step that is followed: the one with the largest weight of all.
    """

    activations: PairPass

    def __init__(self, activations: PairPass, tokenizer: Tokenizer, layer: int, head: int) -> None:
        super().__init__(activations, tokenizer, layer, head)
        self.target_ids, self.source_ids = activations.target_ids, activations.source_ids
        self.read, self.target, self.source = (
            [self.symbol(id_) for id_ in ids]
            for ids in (self.ids, self.target_ids, self.source_ids)
        )
        self.attention_weights = self.head_tensor("softmax weights")
        self.followed, self.top_key = divmod(int(self.attention_weights.argmax()), len(self.source))
        self.queries = shown_around(self.target, self.followed)
        self.keys = shown_around(self.source, self.top_key)

    def layer_tensor(self, operation: str) -> torch.Tensor:
        """A tensor of the decoder's layer, (T, C) or (H, T, ...)."""
        return self.activations[f"decoder.block {self.layer + 1}.{operation}"]

    def has(self, operation: str) -> bool:
        """Whether the layer's cross-attention has this operation."""
        return f"decoder.block {self.layer + 1}.cross-attention.{operation}" in self.activations

    def head_tensor(self, operation: str) -> torch.Tensor:
        """A tensor of the head's cross-attention, (T, D), (S, D) or (T, S)."""
        return self.layer_tensor(f"cross-attention.{operation}")[self.head]

    @property
    def answers(self) -> Mapping[int, tuple[int, float]]:
        """What is written at each step."""
        losses = self.activations.losses.tolist()
        return dict(enumerate(zip(self.target_ids, losses, strict=True)))

    @cached_property
    def compared(self) -> tuple[str, str]:
        """The names of the queries and the keys as the scores compare them."""
        for query, key in (("rotated query", "rotated key"), ("query norm", "key norm")):
            if self.has(query):
                return query, key
        return "query heads", "key heads"

    def map(self, caption: str, weights: torch.Tensor) -> Map:
        """The alignment as a map, (T, S), of the whole texts."""
        target, source = (
            tuple(map_symbol(self.tokenizer.symbols[id_]) for id_ in ids)
            for ids in (self.target_ids, self.source_ids)
        )
        return Map(caption, target, source, tuple(map(tuple, weights.tolist())))
