"""A generated text, while it is generated and when it is finished."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from attn_cli.generation.constraints import Constraints, FinishReason
from attn_cli.generation.generate import GenerationState
from attn_cli.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Alternative:
    """A character that could have come, and its probability after the sampling filters."""

    char: str
    prob: float


@dataclass(frozen=True)
class GeneratedText:
    """A text that a model generated."""

    prompt: str  # what it continues
    text: str  # what was generated after that
    ids: tuple[int, ...]  # the same in ids
    seed: int | None  # of its random numbers; None of beam search
    finish_reason: FinishReason  # why it ended
    log_probs: tuple[float, ...] = ()  # the model's own, natural, of each token, where asked for
    probs: tuple[float, ...] = ()  # that each was sampled with, where alternatives were asked for
    alternatives: tuple[tuple[Alternative, ...], ...] = ()  # to each, the most probable first


@dataclass(eq=False)
class TextStream:
    """A text while it is generated; iterating over it yields the new characters.

    The texts of a batch are generated together: iterating over one advances them all.
    """

    prompt: str
    _state: GenerationState
    _constraints: Constraints
    _tokenizer: Tokenizer
    _steps: Iterator[None]
    _yielded: int = 0

    def __post_init__(self) -> None:
        self._decode = self._tokenizer.stream_decoder()

    @property
    def seed(self) -> int:
        """The seed of its random numbers."""
        return self._state.seed

    def __iter__(self) -> Iterator[str]:
        while self._state.finish_reason is None:
            next(self._steps)
            yield self._new_text()
        yield self._new_text()  # everything, if it finished while another text was read

    def token_details(self) -> Iterator[tuple[str, float, tuple[Alternative, ...]]]:
        """Each token: its symbol, the probability it was sampled with, the alternatives."""
        symbols = self._tokenizer.symbols
        for id_, token in zip(self._state.ids, self._state.tokens, strict=True):
            others = (Alternative(symbols[other], prob) for other, prob in token.alternatives)
            yield symbols[id_], token.prob, tuple(others)

    def result(self) -> GeneratedText:
        """The finished text; generates what is missing."""
        while self._state.finish_reason is None:
            next(self._steps)
        tokens = self._state.tokens
        detailed = any(token.alternatives for token in tokens)
        return GeneratedText(
            self.prompt,
            self._tokenizer.decode(self._state.ids),
            tuple(self._state.ids),
            self.seed,
            self._state.finish_reason,
            tuple(token.log_prob for token in tokens),
            tuple(token.prob for token in tokens) if detailed else (),
            tuple(others for _, _, others in self.token_details()) if detailed else (),
        )

    def _new_text(self) -> str:
        """The characters since the last call that no stop string can take back."""
        ids, begin = self._state.ids, self._yielded
        finished = self._state.finish_reason is not None
        self._yielded = len(ids)
        if not finished:
            self._yielded -= self._constraints.pending_stop_length(ids)
        text = "".join(map(self._decode, ids[begin : self._yielded]))
        return text + self._decode.flush() if finished else text
