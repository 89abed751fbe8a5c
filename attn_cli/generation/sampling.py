"""From logits to the next character: temperature, top-k, top-p and their like, and the draw.

Shapes: B texts, V vocabulary.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attn_cli.errors import InputError, OperationError
from attn_cli.generation.config import GenerationConfig

Floats = NDArray[np.floating[Any]]


def apply_repetition_penalty(
    logits: Floats, recent: Sequence[Sequence[int]], penalty: float
) -> Floats:
    """Logits (B, V) with the penalty on the recent ids of each text."""
    logits = logits.copy()
    for row, ids in zip(logits, recent, strict=True):
        if ids:
            own = row[list(ids)]
            row[list(ids)] = np.where(own > 0, own / penalty, own * penalty)
    return logits


def probabilities(logits: Floats, config: GenerationConfig) -> Floats:
    """The probabilities to sample from: temperature, top-k, top-p, min-p and typical-p applied.

    Args:
        logits: (..., V), after the repetition penalty; -inf for a character that is not
            allowed; at least one has to be finite.
        config: What to apply.

    Returns:
        (..., V), in double precision; each row has the sum 1.
    """
    logits = logits.astype(np.float64)
    if config.temperature == 0.0:
        return _greedy(logits)
    # Only differences count; subtracting the maximum first keeps a tiny temperature finite.
    logits -= logits.max(axis=-1, keepdims=True)
    if config.temperature != 1.0:
        with np.errstate(over="ignore"):  # minus infinity is the probability 0 that it should be
            logits /= config.temperature
    if config.top_k is not None and config.top_k < logits.shape[-1]:
        logits = _top_k(logits, config.top_k)
    probs = np.exp(logits, out=logits)
    probs /= probs.sum(axis=-1, keepdims=True)
    if config.top_p is not None and config.top_p < 1.0:
        probs = _nucleus(probs, -probs, config.top_p)
    if config.min_p is not None:
        threshold = config.min_p * probs.max(axis=-1, keepdims=True)
        probs = _renormalised(np.where(probs < threshold, 0.0, probs))
    if config.typical_p is not None and config.typical_p < 1.0:
        # A character of probability 0 adds nothing to the entropy.
        surprisal = -np.log(probs, out=np.zeros_like(probs), where=probs > 0)
        entropy = (probs * surprisal).sum(axis=-1, keepdims=True)
        probs = _nucleus(probs, np.abs(surprisal - entropy), config.typical_p)
    return probs


def sample_ids(probs: Floats, uniform: Floats) -> NDArray[np.intp]:
    """One id of each row of probabilities (B, V), by one number in [0, 1) each: (B,)."""
    cumulative = probs.cumsum(axis=-1)
    # A number below 1 times the sum is below the sum: the last possible id is never passed.
    threshold = uniform * cumulative[:, -1]
    ids: NDArray[np.intp] = (cumulative > threshold[:, None]).argmax(axis=-1)
    return ids


def log_probabilities(logits: Floats) -> Floats:
    """The log-softmax of a model's logits, natural, (..., V) -> (..., V).

    Raises:
        OperationError: A logit is not finite.
    """
    check_finite(logits)
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    result: Floats = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return result


def check_finite(logits: Floats) -> None:
    """Refuses logits that are not finite.

    Raises:
        OperationError: A logit is not finite: the weights are broken.
    """
    # One that is not finite leaves no finite sum, except of numbers that no model gives.
    if not np.isfinite(logits.sum(dtype=np.float64)):
        raise OperationError(
            "the model's logits are not finite: its weights are broken",
            "use another run or checkpoint; `attn runs` lists them",
        )


def check_seed(seed: int) -> None:
    """Refuses a seed outside its range.

    Raises:
        InputError: It is negative or has more than 63 bits.
    """
    if not 0 <= seed < 2**63:
        raise InputError(f"`seed` {seed} is not from 0 to 2^63 - 1")


class SeededStreams:
    """A stream of uniform random numbers for each text, which depends on its seed alone."""

    DRAWN_AHEAD = 256  # numbers of each stream

    def __init__(self, seeds: Sequence[int]) -> None:
        self._streams = [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]
        self._numbers = np.empty((len(seeds), 0))
        self._used = 0

    def uniform(self) -> Floats:
        """The next number of each stream, in [0, 1): (B,)."""
        if self._used == self._numbers.shape[1]:
            self._numbers = np.stack([stream.random(self.DRAWN_AHEAD) for stream in self._streams])
            self._used = 0
        self._used += 1
        numbers: Floats = self._numbers[:, self._used - 1]
        return numbers

    def select(self, rows: Sequence[int]) -> None:
        """Keeps the streams of these rows, in this order."""
        self._streams = [self._streams[row] for row in rows]
        self._numbers = self._numbers[list(rows)]


def _greedy(logits: Floats) -> Floats:
    probs = np.zeros_like(logits)
    np.put_along_axis(probs, logits.argmax(axis=-1, keepdims=True), 1.0, axis=-1)
    return probs


def _top_k(logits: Floats, k: int) -> Floats:
    """The k highest logits; -inf in place of the others."""
    kept = np.argpartition(logits, -k, axis=-1)[..., -k:]
    result = np.full_like(logits, -np.inf)
    np.put_along_axis(result, kept, np.take_along_axis(logits, kept, axis=-1), axis=-1)
    return result


def _nucleus(probs: Floats, order: Floats, mass: float) -> Floats:
    """The probabilities of the first characters by `order` whose sum reaches `mass`."""
    ranked = order.argsort(axis=-1, kind="stable")
    ordered = np.take_along_axis(probs, ranked, axis=-1)
    # The sum before a character decides, so that the first is always kept.
    before = ordered.cumsum(axis=-1) - ordered
    ordered[before >= mass] = 0.0
    result = np.empty_like(probs)
    np.put_along_axis(result, ranked, ordered, axis=-1)
    return _renormalised(result)


def _renormalised(probs: Floats) -> Floats:
    result: Floats = probs / probs.sum(axis=-1, keepdims=True)
    return result
