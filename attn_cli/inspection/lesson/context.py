"""What a lesson on one text follows: one forward pass, one layer, one head, one character.

Shapes: T time (characters), C channels = n_embd, H heads, D head size,
F feed-forward width, V vocabulary, L layers.
"""

from collections import Counter
from collections.abc import Mapping
from functools import cached_property

import torch

from attn_cli.inspection.forward_pass import ForwardPass
from attn_cli.inspection.hidden_characters import HiddenCharacters
from attn_cli.inspection.lesson.attention_context import AttentionContext
from attn_cli.inspection.lesson.blocks import Map
from attn_cli.inspection.lesson.shown import shown_around
from attn_cli.model.ngram_hash import NOTHING
from attn_cli.text.display import map_symbol
from attn_cli.text.tokenizer import Tokenizer

BEFORE = "∅"  # what is before the text, in n-grams
TIE = 1e-5  # weights that differ by less count as equal


class LessonContext(AttentionContext):
    """The tensors and sizes that every step of a lesson draws on.

    Attributes:
        T, C, H, D, F, V, L: The sizes.
        encoder: Whether the model sees both sides of a character, and fills blanks.
        followed: The position that is followed: the last one, whose next character is not known;
            of an encoder, the first blank.
        hidden: Of an encoder, each character of the text hidden in turn; None where some are not
            known, and of a decoder.
        decoder: A decoder on the same text, and its vocabulary, to compare with; may be None.
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
        super().__init__(activations, tokenizer, layer, head)
        self.hidden = hidden
        self.decoder = decoder
        config = self.model.config
        self.T, self.C = len(self.ids), config.n_embd
        self.D, self.F = self.C // self.H, config.inner_width
        self.V, self.L = self.model.vocab_size, config.n_layer
        self.encoder = tokenizer.mask_id is not None
        self.followed = self.ids.index(tokenizer.mask_id) if self.encoder else self.T - 1
        self.block = self.model.layers()[layer]
        self.attention = self.block.attention
        self.attention_weights = self.head_tensor("softmax weights")
        self.top_key = int(self.attention_weights[self.followed].argmax())
        symbols = list(map(self.symbol, self.ids))
        self.queries = self.keys = shown_around(symbols, self.followed, self.top_key)

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

    def quoted(self, position: int) -> str:
        """A character of the text with its position: ‘l’ at position 3."""
        return f"‘{self.symbol(self.ids[position])}’ at position {position}"

    def ngram(self, length: int, position: int) -> str:
        """The last characters up to a position, made visible."""
        first = position + 1 - length
        known = map(self.symbol, self.ids[max(0, first) : position + 1])
        return BEFORE * max(0, -first) + "".join(known)

    def ngram_number(self, back: int) -> int:
        """The number, in a hash, of the character so far before the followed one."""
        return self.ids[self.followed - back] + 1 if back <= self.followed else NOTHING

    @cached_property
    def visible_scores(self) -> torch.Tensor:
        """The scores of the head that its softmax turns into weights, (T, T)."""
        return self.head_tensor("scaled scores" if self.encoder else "masked scores")

    @property
    def answer_logits(self) -> torch.Tensor:
        """The logits (V,) at the followed character; of an encoder all but the mask's, the last."""
        return self.activations["logits"][self.followed, : self.V - self.encoder]

    @cached_property
    def answers(self) -> Mapping[int, tuple[int, float]]:
        """The character after each, where it is known; of an encoder, each character hidden."""
        if not self.encoder:
            return dict(enumerate(zip(self.ids[1:], self.activations.losses.tolist(), strict=True)))
        if self.hidden is None:
            return {}
        losses = zip(self.hidden.positions, self.hidden.losses.tolist(), strict=True)
        return {t: (self.hidden.ids[t], loss) for t, loss in losses}

    @property
    def top_key_is_apart(self) -> bool:
        """Whether `top_key` stands away from the other shown positions."""
        others = set(self.keys.positions) - {self.top_key}
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

    def map(self, caption: str, weights: torch.Tensor) -> Map:
        """A map of attention weights, (T, T), of the whole text."""
        symbols = tuple(map_symbol(self.tokenizer.symbols[id_]) for id_ in self.ids)
        return Map(caption, symbols, symbols, tuple(map(tuple, weights.tolist())))
