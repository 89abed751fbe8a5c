"""What `torchrun` says of a process, in its environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from attn_cli.errors import InputError


@dataclass(frozen=True)
class TorchrunEnv:
    """One process of a launch by `torchrun`."""

    rank: int  # its number, from 0
    world_size: int  # how many there are
    local_rank: int  # its number among those of its host
    local_world_size: int  # how many its host has
    n_nodes: int  # how many hosts there are
    by_torchrun: bool  # whether it was started by `torchrun`, which ends it when it should end
    address: str  # where all meet, `host:port`
    shares_store: bool  # whether all restarts meet in the same store
    restarts: int  # how often this host's processes were started again after one had failed
    max_restarts: int  # how often they will be


def read_torchrun_env(environment: Mapping[str, str] = os.environ) -> TorchrunEnv | None:
    """The process that `torchrun` describes in the environment; None for a single one.

    Raises:
        InputError: The environment contradicts itself.
    """
    count = _number(environment, "WORLD_SIZE", 1)
    if count <= 1:
        return None
    env = TorchrunEnv(
        rank=_number(environment, "RANK"),
        world_size=count,
        local_rank=_number(environment, "LOCAL_RANK", 0),
        local_world_size=_number(environment, "LOCAL_WORLD_SIZE", 1),
        n_nodes=_number(environment, "GROUP_WORLD_SIZE", 1),
        by_torchrun="TORCHELASTIC_RUN_ID" in environment,
        address=f"{environment.get('MASTER_ADDR', '?')}:{environment.get('MASTER_PORT', '?')}",
        shares_store=environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
        restarts=_number(environment, "TORCHELASTIC_RESTART_COUNT", 0),
        max_restarts=_number(environment, "TORCHELASTIC_MAX_RESTARTS", 0),
    )
    if env.rank >= count or env.local_rank >= env.local_world_size:
        raise InputError(
            f"the environment has RANK {env.rank} of WORLD_SIZE {count}, LOCAL_RANK "
            f"{env.local_rank} of LOCAL_WORLD_SIZE {env.local_world_size}",
            "start the processes by torchrun, or unset these",
        )
    return env


def _number(environment: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = environment.get(name, "" if default is None else str(default))
    if not text.isdecimal():
        raise InputError(
            f"the environment has {name}={text!r}, which is not a number",
            "start the processes by torchrun, or unset WORLD_SIZE",
        )
    return int(text)
