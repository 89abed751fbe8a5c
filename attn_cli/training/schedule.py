"""The step size over a run, as a pure function that can be plotted without a model."""

from __future__ import annotations

import math

from attn_cli.config.schema import TrainConfig


def learning_rate(step: int, total_steps: float, config: TrainConfig) -> float:
    """Linear warm-up, then half a cosine down to `min_learning_rate` (Loshchilov & Hutter 2017).

    Args:
        step: Optimizer steps done before this one.
        total_steps: How many the run will do; an estimate where time is what ends it.
        config: The `train` section.
    """
    # A run that is too short for its warm-up still has to come down again.
    warmup = min(config.warmup_steps, total_steps / 4)
    if step < warmup:
        return config.learning_rate * (step + 1) / (warmup + 1)
    if step >= total_steps:
        return config.min_learning_rate
    progress = (step - warmup) / (total_steps - warmup)
    share = 0.5 * (1.0 + math.cos(math.pi * progress))  # 1 at the start, 0 at the end
    return config.min_learning_rate + share * (config.learning_rate - config.min_learning_rate)
