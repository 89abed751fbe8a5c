"""How the next character is chosen from the model's scores.

Shapes: B texts, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attn_cli.errors import InputError, OperationError

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Controls:
    """How freely to choose.

    They work in this order, each on what those before it left: the repetition penalty on the
    scores, temperature, top-k, top-p, min-p, typical-p.

    Attributes:
        temperature: Divides the scores; 0 always takes the likeliest, 1 the model's own odds.
        top_k: Choose among this many likeliest characters.
        top_p: Choose among the fewest characters that together are at least this likely
            (Holtzman et al. 2020).
        min_p: Choose among the characters at least this share as likely as the likeliest
            (Nguyen et al. 2024).
        typical_p: Choose among the fewest characters that together are at least this likely,
            beginning with those whose surprise is nearest to the mean (Meister et al. 2023).
        repetition_penalty: Divides the scores above 0 of what was written lately, and
            multiplies those below (Keskar et al. 2019, section 4.1); 1 does nothing.
        repetition_window: How many of the last characters count as lately, the prompt's too.

    Raises:
        InputError: One of them is out of its range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repetition_penalty: float = 1.0
    repetition_window: int = 64

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature < float("inf"):
            raise InputError(
                f"temperature {self.temperature:g} is out of range",
                "0 is greedy, 1 the model's own odds, higher is wilder",
            )
        if self.top_k is not None and self.top_k < 1:
            raise InputError(f"top-k {self.top_k} is below 1", "leave it out for no limit")
        for name, share in (
            ("top-p", self.top_p),
            ("min-p", self.min_p),
            ("typical-p", self.typical_p),
        ):
            if share is not None and not 0.0 < share <= 1.0:
                raise InputError(
                    f"{name} {share:g} is not above 0 and at most 1", "leave it out for no limit"
                )
        if not 0.001 <= self.repetition_penalty <= 1000.0:
            raise InputError(
                f"repetition penalty {self.repetition_penalty:g} is not from 0.001 to 1000",
                "1 does nothing, 1.2 discourages what was written lately, below 1 encourages it",
            )
        if self.repetition_window < 1:
            raise InputError(f"repetition window {self.repetition_window} is below 1")


def penalised(logits: Floats, lately: Sequence[Sequence[int]], penalty: float) -> Floats:
    """The scores (B, V) after the repetition penalty on each text's last ids."""
    logits = logits.copy()
    for row, ids in zip(logits, lately, strict=True):
        if ids:
            scores = row[list(ids)]
            row[list(ids)] = np.where(scores > 0, scores / penalty, scores * penalty)
    return logits


def probabilities(logits: Floats, controls: Controls) -> Floats:
    """The odds of each next character after the controls but the penalty, (..., V) -> (..., V).

    A score of -inf is a character that may not come; one at least has to be finite.
    """
    logits = logits.astype(np.float64)
    if controls.temperature == 0.0:
        return _likeliest(logits)
    # Only differences count; taking the largest off first keeps a tiny temperature finite.
    logits -= logits.max(axis=-1, keepdims=True)
    if controls.temperature != 1.0:
        with np.errstate(over="ignore"):  # minus infinity is as unlikely as it should be
            logits /= controls.temperature
    if controls.top_k is not None and controls.top_k < logits.shape[-1]:
        logits = _top_k(logits, controls.top_k)
    odds = np.exp(logits, out=logits)
    odds /= odds.sum(axis=-1, keepdims=True)
    if controls.top_p is not None and controls.top_p < 1.0:
        odds = _fewest(odds, -odds, controls.top_p)
    if controls.min_p is not None:
        least = controls.min_p * odds.max(axis=-1, keepdims=True)
        odds = _renormalised(np.where(odds < least, 0.0, odds))
    if controls.typical_p is not None and controls.typical_p < 1.0:
        # What cannot come adds nothing to the mean, and has no odds to be kept.
        surprise = -np.log(odds, out=np.zeros_like(odds), where=odds > 0)
        mean = (odds * surprise).sum(axis=-1, keepdims=True)
        odds = _fewest(odds, np.abs(surprise - mean), controls.typical_p)
    return odds


def choose(odds: Floats, numbers: Floats) -> NDArray[np.intp]:
    """One id for each row of odds (B, V), by a number (B,) from 0 up to 1 each."""
    reached = odds.cumsum(axis=-1)
    # A number below 1 times the sum is below the sum: the last possible id is never passed.
    wanted = numbers * reached[:, -1]
    chosen: NDArray[np.intp] = (reached > wanted[:, None]).argmax(axis=-1)
    return chosen


def log_probabilities(logits: Floats) -> Floats:
    """The model's own log-probabilities, before all controls; natural, (..., V) -> (..., V)."""
    require_numbers(logits)
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    result: Floats = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return result


def require_numbers(logits: Floats) -> None:
    """Refuses scores that are none.

    Raises:
        OperationError: One is not finite: the model's weights are broken.
    """
    # One that is not finite leaves no finite sum, except of numbers that no model gives.
    if not np.isfinite(logits.sum(dtype=np.float64)):
        raise OperationError(
            "the model's scores are not numbers: its weights are broken",
            "use another run or checkpoint; `attn runs` lists them",
        )


def require_seed(seed: int) -> None:
    """Refuses what is no seed.

    Raises:
        InputError: It is negative, or of more than 63 bits.
    """
    if not 0 <= seed < 2**63:
        raise InputError(f"seed {seed} is not from 0 to 2^63 - 1")


class RandomStreams:
    """A random stream for each text, which depends on its seed alone.

    Args:
        seeds: One for each of B texts.
    """

    AHEAD = 256  # numbers drawn from a stream at once

    def __init__(self, seeds: Sequence[int]) -> None:
        self._streams = [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]
        self._numbers = np.empty((len(seeds), 0))
        self._used = 0

    def numbers(self) -> Floats:
        """The next number of each stream, from 0 up to 1, (B,)."""
        if self._used == self._numbers.shape[1]:
            self._numbers = np.stack([stream.random(self.AHEAD) for stream in self._streams])
            self._used = 0
        self._used += 1
        numbers: Floats = self._numbers[:, self._used - 1]
        return numbers

    def select(self, rows: Sequence[int]) -> None:
        """Keeps the streams of these rows, in this order."""
        self._streams = [self._streams[row] for row in rows]
        self._numbers = self._numbers[list(rows)]


def _likeliest(logits: Floats) -> Floats:
    odds = np.zeros_like(logits)
    np.put_along_axis(odds, logits.argmax(axis=-1, keepdims=True), 1.0, axis=-1)
    return odds


def _top_k(logits: Floats, k: int) -> Floats:
    """The k highest scores; -inf in place of the others."""
    kept = np.argpartition(logits, -k, axis=-1)[..., -k:]
    result = np.full_like(logits, -np.inf)
    np.put_along_axis(result, kept, np.take_along_axis(logits, kept, axis=-1), axis=-1)
    return result


def _fewest(odds: Floats, order: Floats, share: float) -> Floats:
    """The first characters by `order` that together have this share of the odds."""
    ranked = order.argsort(axis=-1, kind="stable")
    ordered = np.take_along_axis(odds, ranked, axis=-1)
    # What is before a character decides, so that the first is always kept.
    before = ordered.cumsum(axis=-1) - ordered
    ordered[before >= share] = 0.0
    result = np.empty_like(odds)
    np.put_along_axis(result, ranked, ordered, axis=-1)
    return _renormalised(result)


def _renormalised(odds: Floats) -> Floats:
    result: Floats = odds / odds.sum(axis=-1, keepdims=True)
    return result
