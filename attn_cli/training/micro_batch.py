"""The micro-batch: how many sequences a forward and backward pass takes.

The batch size is a matter of learning, the micro-batch size one of the machine: larger
micro-batches are faster on a CPU up to a size from which they only take more memory.
"""

import torch

from attn_cli.config.schema import Config
from attn_cli.errors import ConfigError
from attn_cli.training.distributed.world import World

# Elements of one activation (B, T, C) of a micro-batch; measured in benchmarks/LOG.md.
MAX_ACTIVATION_NUMEL = 2**21


def choose_micro_batch(
    config: Config, device: torch.device, world_size: int = 1, length: int | None = None
) -> int:
    """The micro-batch size that was asked for; for `auto`, on a CPU, what fits its caches.

    Args:
        config: Its batch size is a multiple of `world_size`.
        device: Where to compute.
        world_size: Among how many processes the batch is divided; each gets a whole
            number of micro-batches.
        length: Tokens of the longest sequence; by default block_size.
    """
    local_batch_size = config.train.batch_size // world_size
    if config.train.micro_batch_size != "auto":
        wanted = config.train.micro_batch_size
    elif device.type != "cpu":
        wanted = local_batch_size
    else:
        length = length or config.model.block_size
        wanted = max(1, MAX_ACTIVATION_NUMEL // (length * config.model.n_embd))
    return next(
        size for size in range(min(local_batch_size, wanted), 0, -1) if local_batch_size % size == 0
    )


def check_batch_divides(config: Config, world: World) -> None:
    """Checks that the batch can be divided equally among the processes.

    Raises:
        ConfigError: It cannot.
    """
    size, count = config.train.batch_size, world.world_size
    if size % count:
        raise ConfigError(
            f"train.batch_size ({size}) is not divisible by the {count} processes",
            f"set train.batch_size={-(-size // count) * count}, or start another number of them",
        )
