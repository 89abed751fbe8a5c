"""Whether a validation text is long enough to tell two checkpoints apart.

This is about the text alone: had it been another stretch of the same kind, would the same
checkpoint still have the lower loss? It says nothing about the recipes, of which another seed makes
another checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attn_cli.experiments.doubts import check_evaluations
from attn_cli.experiments.measurement import Measurement
from attn_cli.experiments.statistics import CONFIDENCE
from attn_cli.text.examples import subset

RESAMPLES = 10_000
_WORK = 10**11  # parameters times characters: seconds on one core
_MIN_CHARS = 1000
_MIN_BLOCKS = 10


@dataclass(frozen=True)
class TextBootstrap:
    """How much the difference of two checkpoints' losses depends on the stretch of text.

    Attributes:
        delta: The mean loss of the second less that of the first, nats per character.
        low: The lower end of its interval.
        high: Its upper end.
        chars: How many characters were predicted.
        block: The length of the blocks, in characters.
    """

    delta: float
    low: float
    high: float
    chars: int
    block: int

    @property
    def is_certain(self) -> bool:
        """Whether the text tells the two apart."""
        return self.low > 0 or self.high < 0


def compare_checkpoints(reference: Path, other: Path) -> TextBootstrap | str:
    """Two checkpoints on the text that both were validated on.

    Of a long text it is its beginning, so much as takes seconds.

    Args:
        reference: The folder of a checkpoint, or of a run, whose best one is taken.
        other: The same, validated on the same text.

    Returns:
        What was found, or in words why nothing can be.

    Raises:
        DatasetError: The text is not there any more.
        InputError: They are of another task than lm or mlm, or were validated on other texts.
    """
    from attn_cli.inspection.token_losses import token_losses
    from attn_cli.runs.load_model import load_model

    models = [load_model(reference), load_model(other)]
    for model in models:
        model.require(("lm", "mlm"), "the comparison of two checkpoints")
    for _ in check_evaluations([Measurement(m.folder, m.checkpoint.metadata) for m in models]):
        pass  # what is doubtful about their recipes is nothing to these two models
    chars = _WORK // max(model.checkpoint.metadata.parameters for model in models)
    if chars < _MIN_CHARS:
        return "the models are too large to be compared on the text in seconds"
    losses = []
    for model in models:
        text = subset(model.corpus().validation, chars)
        losses.append(np.concatenate(list(token_losses(model, text))).astype(np.float64))
    if losses[0].shape != losses[1].shape:
        return "they do not predict the same characters: lines are cut to another block_size"
    longest = max(model.config.model.block_size for model in models)
    block = max(longest, math.isqrt(len(losses[0])))
    if len(losses[0]) < _MIN_BLOCKS * block:
        return f"the validation text has only {len(losses[0]):,} characters: too few to say"
    return bootstrap(losses[1] - losses[0], block)


def bootstrap(
    differences: Sequence[float] | NDArray[np.float64], block: int, seed: int = 0
) -> TextBootstrap:
    """The mean of neighbouring values, and the percentile interval of a moving-block bootstrap.

    Neighbouring characters are hard or easy together, so that blocks of consecutive ones are drawn,
    which may overlap (Künsch 1989), until they come to the length of the text.

    Args:
        differences: Of the losses of each character, in the order of the text, (N,).
        block: The length of the blocks, at most N.
        seed: Of the draws.
    """
    values = np.asarray(differences, dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    means = (sums[block:] - sums[:-block]) / block  # of each block, (N - block + 1,)
    n_blocks = max(1, round(len(values) / block))
    random = np.random.default_rng(seed)
    drawn = [random.choice(means, n_blocks).mean() for _ in range(RESAMPLES)]
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return TextBootstrap(float(values.mean()), float(low), float(high), len(values), block)
