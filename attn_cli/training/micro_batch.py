"""How many sequences are in memory at once.

The batch of a step is a matter of learning, the micro-batch one of the machine: larger
pieces go through a CPU faster up to a size from which they only take more memory.
"""

from __future__ import annotations

import torch

from attn_cli.config.schema import Config

# Numbers in one activation (B, T, C) of a piece; measured in benchmarks/LOG.md.
PIECE = 2**21


def choose_micro_batch(config: Config, device: torch.device) -> int:
    """The number that was asked for; for `auto`, on a CPU, what fits its caches."""
    whole = config.train.batch_size
    if config.train.micro_batch != "auto":
        return config.train.micro_batch
    if device.type != "cpu":
        return whole
    sequence = config.model.block_size * config.model.n_embd
    fitting = min(whole, max(1, PIECE // sequence))
    return next(size for size in range(fitting, 0, -1) if whole % size == 0)
