"""Generates texts in one batch, one token of each per step, by the logits of a model.

A text depends on its own prompt and seed alone, not on the others in the batch.

Attention sees at most `block_size` tokens. When these are full, the older half is dropped and
the newer half goes through the model again from position 0, whatever the kind of position.
Half is the fraction with the lowest loss of those that were tried, and rotary positions that
slide on instead are no better (benchmarks/LOG.md); it costs one pass over half a block for
every half block that is generated.

Shapes: B texts, T tokens of a window, V vocabulary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.constraints import Constraints, FinishReason
from attn_cli.generation.next_token_model import NextTokenModel
from attn_cli.generation.sampling import (
    Floats,
    SeededStreams,
    apply_repetition_penalty,
    check_finite,
    log_probabilities,
    probabilities,
    sample_ids,
)

# Attention scores of the windows that go through the model together: 64 MiB.
MAX_PREFILL_SCORES = 2**24


@dataclass(frozen=True)
class TokenInfo:
    """How a token was chosen."""

    log_prob: float  # the model's own log-probability of it; natural
    prob: float  # the probability that it was sampled with
    alternatives: tuple[tuple[int, float], ...] = ()  # ids and their `prob`, highest first


@dataclass
class GenerationState:
    """A text that is being generated."""

    prompt: Sequence[int]  # the ids that it begins with; at least one
    seed: int = 0  # of its random numbers
    ids: list[int] = field(default_factory=list)  # generated after the prompt
    tokens: list[TokenInfo] = field(default_factory=list)  # how each was chosen, if asked for
    finish_reason: FinishReason | None = None  # None until it is finished


def generate(
    model: NextTokenModel,
    texts: Sequence[GenerationState],
    config: GenerationConfig,
    constraints: Constraints,
    *,
    log_probs: bool = False,
) -> Iterator[None]:
    """Extends texts in place; yields after each step, when each unfinished one has a new token.

    Args:
        model: Gives the logits.
        texts: What to extend, with nothing generated so far.
        config: How to sample.
        constraints: What may come, and when a text is finished.
        log_probs: Whether to record each token's log-probability; `config.alternatives` do.

    Raises:
        OperationError: The model's logits are not finite.
    """
    active = list(texts)
    sequences = [list(text.prompt) for text in active]  # prompt and continuation
    fsm_states = [0] * len(active)
    window = ContextWindow(model, len(active), max(map(len, sequences)) + constraints.max_new_chars)
    random = SeededStreams([text.seed for text in active])
    for n_generated in range(constraints.max_new_chars):
        logits = window.next_logits(sequences)
        check_finite(logits)
        probs = probabilities(
            process_logits(logits, sequences, config, constraints, fsm_states, n_generated), config
        )
        new_ids = sample_ids(probs, random.uniform()).tolist()
        if log_probs or config.alternatives:
            tokens = _token_infos(logits, probs, new_ids, config.alternatives)
            for text, token in zip(active, tokens, strict=True):
                text.tokens.append(token)
        for row, (text, id_) in enumerate(zip(active, new_ids, strict=True)):
            text.ids.append(id_)
            sequences[row].append(id_)
            fsm_states[row] = constraints.next_state(fsm_states[row], id_)
            text.finish_reason = constraints.check_stop(text.ids, fsm_states[row])
            del text.tokens[len(text.ids) :]
        yield
        kept = _unfinished(active)
        if not kept:
            return
        if len(kept) < len(active):
            active, sequences = [active[row] for row in kept], [sequences[row] for row in kept]
            fsm_states = [fsm_states[row] for row in kept]
            window.select_rows(kept)
            random.select(kept)


def process_logits(
    logits: Floats,
    sequences: Sequence[Sequence[int]],
    config: GenerationConfig,
    constraints: Constraints,
    fsm_states: Sequence[int],
    n_generated: int,
) -> Floats:
    """Logits (B, V) after what depends on each text: the repetition penalty and constraints."""
    if config.repetition_penalty != 1.0:
        recent = [ids[-config.repetition_window :] for ids in sequences]
        logits = apply_repetition_penalty(logits, recent, config.repetition_penalty)
    masks = [
        mask
        for state in fsm_states
        if (mask := constraints.allowed_mask(state, n_generated)) is not None
    ]
    return np.where(np.stack(masks), logits, -np.inf) if masks else logits


def _unfinished(texts: Sequence[GenerationState]) -> list[int]:
    """The rows of the unfinished texts; the last ones take the places of the finished ones."""
    rows = [row for row, text in enumerate(texts) if text.finish_reason is None]
    beyond = reversed([row for row in rows if row >= len(rows)])
    return [row if texts[row].finish_reason is None else next(beyond) for row in range(len(rows))]


def _token_infos(
    logits: Floats, probs: Floats, ids: Sequence[int], alternatives: int
) -> Iterator[TokenInfo]:
    rows = np.arange(len(ids))
    chosen = zip(
        log_probabilities(logits)[rows, ids].tolist(), probs[rows, ids].tolist(), strict=True
    )
    if not alternatives:  # sorting V probabilities takes longer than everything else
        yield from (TokenInfo(log_prob, prob) for log_prob, prob in chosen)
        return
    top = (-probs).argsort(axis=-1, kind="stable")[:, :alternatives]
    top_probs = np.take_along_axis(probs, top, axis=-1)
    for (log_prob, prob), its_top, its_probs in zip(
        chosen, top.tolist(), top_probs.tolist(), strict=True
    ):
        pairs = zip(its_top, its_probs, strict=True)
        yield TokenInfo(log_prob, prob, tuple(pair for pair in pairs if pair[1] > 0))


def window_start(length: int, block_size: int) -> int:
    """Where the window begins that the model sees of a text of `length` tokens.

    The window grows to `block_size`; the next token then finds the newer half of it, and so
    on. It depends on the length alone, not on how the text came about.
    """
    if length <= block_size:
        return 0
    dropped = max(1, block_size // 2)  # by each full window
    return -(-(length - block_size) // dropped) * dropped


class ContextWindow:
    """Next-token logits of B growing texts, with a KV cache and a sliding context window.

    Args:
        model: Gives the logits.
        batch: B.
        max_length: How long the texts will get, where that is known.
    """

    def __init__(self, model: NextTokenModel, batch: int, max_length: int | None = None) -> None:
        self._model = model
        self._cache = model.new_cache(batch, max_length)
        self._starts = [0] * batch  # where each text's window begins
        self._ends = [0] * batch  # how far it is cached

    def next_logits(self, texts: Sequence[Sequence[int]]) -> Floats:
        """The logits of the token after each text, (B, V).

        Args:
            texts: All ids of each text so far, at least one; each begins with what it was at
                the call before.
        """
        block_size = self._model.config.block_size
        stale = []
        for row, ids in enumerate(texts):
            start = window_start(len(ids), block_size)
            if start != self._starts[row] or len(ids) - self._ends[row] != 1:
                self._starts[row] = start
                stale.append(row)
            self._ends[row] = len(ids)
        if stale:
            self._prefill(stale, texts)
        return self._model.forward(np.array([ids[-1:] for ids in texts]), self._cache)

    def select_rows(self, rows: Sequence[int]) -> None:
        """Keeps these texts, in this order; one may come more than once."""
        self._model.select_rows(self._cache, rows)
        self._starts = [self._starts[row] for row in rows]
        self._ends = [self._ends[row] for row in rows]

    def _prefill(self, rows: Sequence[int], texts: Sequence[Sequence[int]]) -> None:
        """Caches the windows of these texts anew, all but their last token."""
        rows_of: dict[tuple[int, ...], list[int]] = {}
        for row in rows:
            rows_of.setdefault(tuple(texts[row][self._starts[row] : -1]), []).append(row)
        by_length: dict[int, list[tuple[int, ...]]] = {}
        for window in rows_of:
            by_length.setdefault(len(window), []).append(window)
        for length, windows in by_length.items():
            scores = self._model.config.n_head * max(1, length) ** 2
            batch_size = max(1, MAX_PREFILL_SCORES // scores)
            for begin in range(0, len(windows), batch_size):
                batch = windows[begin : begin + batch_size]
                prefilled = self._model.new_cache(len(batch), length)
                if length:
                    self._model.forward(np.array(batch), prefilled)
                for row, window in enumerate(batch):
                    self._model.copy_rows(self._cache, rows_of[window], prefilled, row)
