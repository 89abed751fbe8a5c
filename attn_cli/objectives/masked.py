"""The objective of an encoder: hidden characters, from those on both sides (Devlin et al. 2018).

Spans of characters are hidden, not single ones alone (Joshi et al. 2019, SpanBERT): what a user
leaves blank is as often a word as a letter.
"""

import numpy as np

from attn_cli.config.schema import Config
from attn_cli.generation.fill import fill
from attn_cli.model.stack import Stack
from attn_cli.objectives.text_objective import TextObjective
from attn_cli.text.corpus import Corpus
from attn_cli.text.examples import Examples
from attn_cli.text.masking import MaskedBatches, random_spans

# Of the validation split, what is read at an evaluation during training, in several passes.
STEERING_CHARS = 100_000
SAMPLE_CHARS = 64  # of the validation split, blanks in which a sample fills


class Masked(TextObjective):
    """The `Objective` of an encoder; the arguments are those of `TextObjective`."""

    def __init__(self, config: Config, corpus: Corpus) -> None:
        super().__init__(config, corpus, corpus.tokenizer.with_mask(), STEERING_CHARS)
        assert self.tokenizer.mask_id is not None
        self._mask_id = self.tokenizer.mask_id

    @property
    def val_chars(self) -> int:
        # The newline that ends a line is a target of a decoder alone.
        lines = len(self._validation) if isinstance(self._validation, Examples) else 0
        return super().val_chars - lines

    def batches(self, part: int = 0, parts: int = 1) -> MaskedBatches:
        train = self.config.train
        return MaskedBatches(
            self.next_char_batches(),
            self.config.model.block_size,
            mask_id=self._mask_id,
            fraction=train.mask_fraction,
            span=train.mask_span,
            first=int(self.of_lines),
            seed=train.seed,
            part=part,
            parts=parts,
        )

    def sample(self, model: Stack, seed: int) -> str:
        """Some of the validation text, or a line, with blanks; and with the blanks filled."""
        train, first = self.config.train, int(self.of_lines)
        length = min(SAMPLE_CHARS, self.config.model.block_size)
        ids = self.corpus.opening(length)
        random = np.random.default_rng(seed)
        hidden = random_spans(random, (1, len(ids)), train.mask_fraction, train.mask_span)[0]
        hidden[:first] = False
        blanks = np.where(hidden, self._mask_id, ids).tolist()
        filled = fill(model, blanks, self.tokenizer).ids
        decode = self.tokenizer.decode
        return f"{decode(blanks[first:])}\n{decode(filled[first:])}"
