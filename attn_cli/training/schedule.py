"""The learning-rate schedule, as a pure function that can be plotted without a model."""

import math

from attn_cli.config.schema import TrainConfig


def learning_rate(step: int, total_steps: float, config: TrainConfig) -> float:
    """Linear warm-up, then down to `min_learning_rate`, in a straight line or half a cosine.

    The cosine is that of Loshchilov & Hutter 2017; a straight line to zero is what Bergsma
    et al. 2025, "Straight to zero", found best for language models.

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
    share = 1.0 - (step - warmup) / (total_steps - warmup)  # 1 at the top, 0 at the end
    if config.lr_schedule == "cosine":
        share = 0.5 * (1.0 - math.cos(math.pi * share))
    return config.min_learning_rate + share * (config.learning_rate - config.min_learning_rate)
