"""How many sequences are in memory at once.

The batch of a step is a matter of learning, the micro-batch one of the machine: larger
pieces go through a CPU faster up to a size from which they only take more memory.
"""

from __future__ import annotations

import torch

from attn_cli.config.schema import Config
from attn_cli.errors import ConfigError
from attn_cli.training.distributed.world import World

# Numbers in one activation (B, T, C) of a piece; measured in benchmarks/LOG.md.
PIECE = 2**21


def choose_micro_batch(config: Config, device: torch.device, world_size: int = 1) -> int:
    """The number that was asked for; for `auto`, on a CPU, what fits its caches.

    Args:
        config: Its batch is a multiple of `world_size`.
        device: Where to compute.
        world_size: Among how many processes the batch is divided; one gets a whole
            number of pieces.
    """
    share = config.train.batch_size // world_size
    if config.train.micro_batch_size != "auto":
        wanted = config.train.micro_batch_size
    elif device.type != "cpu":
        wanted = share
    else:
        wanted = max(1, PIECE // (config.model.block_size * config.model.n_embd))
    return next(size for size in range(min(share, wanted), 0, -1) if share % size == 0)


def check_shares(config: Config, world: World) -> None:
    """Makes sure that each process gets as much of a batch as another.

    Raises:
        ConfigError: The batch cannot be shared so.
    """
    size, count = config.train.batch_size, world.world_size
    if size % count:
        raise ConfigError(
            f"train.batch_size ({size}) is not divisible by the {count} processes",
            f"set train.batch_size={-(-size // count) * count}, or start another number of them",
        )
