"""A generated text: a string that knows how it came about."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from attn_cli.api.html import text_html
from attn_cli.generation.constraints import FinishReason
from attn_cli.generation.text_stream import Alternative, GeneratedText
from attn_cli.text.tokenizer import Tokenizer


class Text(str):
    """A prompt and its continuation as one string, the same that `attn generate` prints.

    Args:
        generated: What the generator made.
        tokenizer: The model's vocabulary.
    """

    _generated: GeneratedText
    _tokenizer: Tokenizer

    def __new__(cls, generated: GeneratedText, tokenizer: Tokenizer) -> Text:
        self = super().__new__(cls, generated.prompt + generated.text)
        self._generated = generated
        self._tokenizer = tokenizer
        return self

    def __getnewargs__(self) -> tuple[GeneratedText, Tokenizer]:  # type: ignore[override]
        return self._generated, self._tokenizer

    @property
    def prompt(self) -> str:
        """What it continues."""
        return self._generated.prompt

    @property
    def continuation(self) -> str:
        """What was generated after the prompt."""
        return self._generated.text

    @property
    def seed(self) -> int | None:
        """The seed of its random numbers; None of beam search."""
        return self._generated.seed

    @property
    def finish_reason(self) -> FinishReason:
        """Why it ended: `length`, `end` of the document, `stop` string, or `match` of the regex."""
        return self._generated.finish_reason

    @property
    def log_probs(self) -> NDArray[np.float64]:
        """The model's own log-probability (natural, before all filters) of each token, (N,).

        A token of the continuation is a character, or a byte with a vocabulary of bytes.
        """
        return np.array(self._generated.log_probs)

    @property
    def characters(self) -> list[tuple[str, float]]:
        """Each character of the continuation, and the model's own probability of it."""
        found, begin = [], 0
        ids = np.array(self._generated.ids, dtype=self._tokenizer.dtype)
        for character, size in self._tokenizer.characters(ids):
            log_prob = math.fsum(self._generated.log_probs[begin : begin + size])
            found.append((character, math.exp(log_prob)))
            begin += size
        return found

    @property
    def alternatives(self) -> tuple[tuple[Alternative, ...], ...]:
        """The most probable tokens in place of each, where the option `alternatives` was given.

        With their probabilities after the sampling filters.
        """
        return self._generated.alternatives

    def _repr_html_(self) -> str:
        how = "beam search" if self.seed is None else f"seed {self.seed}"
        return text_html(self.prompt, self.characters, f"{how}, finish_reason {self.finish_reason}")
