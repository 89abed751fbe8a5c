"""What `torchrun` says of a process, in its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from attn_cli.errors import InputError


@dataclass(frozen=True)
class Launch:
    """A process among others.

    Attributes:
        rank: Its number, from 0.
        count: How many there are (the world size).
        local_rank: Its number among those of its host.
        local_count: How many its host has.
        hosts: How many hosts there are.
        by_torchrun: Whether it was started by `torchrun`, which ends it when it should end.
        address: Where all meet, `host:port`.
        restarts: How often they were started again after one of them failed.
        most_restarts: How often they will be.
    """

    rank: int
    count: int
    local_rank: int
    local_count: int
    hosts: int
    by_torchrun: bool
    address: str
    restarts: int
    most_restarts: int


def launched(environment: Mapping[str, str] = os.environ) -> Launch | None:
    """What the environment says; None for a process that trains alone.

    Raises:
        InputError: It says something that cannot be.
    """
    count = _number(environment, "WORLD_SIZE", 1)
    if count <= 1:
        return None
    launch = Launch(
        rank=_number(environment, "RANK"),
        count=count,
        local_rank=_number(environment, "LOCAL_RANK", 0),
        local_count=_number(environment, "LOCAL_WORLD_SIZE", 1),
        hosts=_number(environment, "GROUP_WORLD_SIZE", 1),
        by_torchrun="TORCHELASTIC_RUN_ID" in environment,
        address=f"{environment.get('MASTER_ADDR', '?')}:{environment.get('MASTER_PORT', '?')}",
        restarts=_number(environment, "TORCHELASTIC_RESTART_COUNT", 0),
        most_restarts=_number(environment, "TORCHELASTIC_MAX_RESTARTS", 0),
    )
    if launch.rank >= count or launch.local_rank >= launch.local_count:
        raise InputError(
            f"the environment has RANK {launch.rank} of WORLD_SIZE {count}, LOCAL_RANK "
            f"{launch.local_rank} of LOCAL_WORLD_SIZE {launch.local_count}",
            "start the processes by torchrun, or unset these",
        )
    return launch


def _number(environment: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = environment.get(name, "" if default is None else str(default))
    if not text.isdecimal():
        raise InputError(
            f"the environment has {name}={text!r}, which is no number",
            "start the processes by torchrun, or unset WORLD_SIZE",
        )
    return int(text)
