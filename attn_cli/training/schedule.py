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
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / (config.warmup_steps + 1)
    if step >= total_steps:
        return config.min_learning_rate
    progress = (step - config.warmup_steps) / (total_steps - config.warmup_steps)
    share = 0.5 * (1.0 + math.cos(math.pi * progress))  # 1 at the start, 0 at the end
    return config.min_learning_rate + share * (config.learning_rate - config.min_learning_rate)
