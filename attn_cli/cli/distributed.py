"""`attn train` as one of several processes: which of them reports an error, and restarts."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from attn_cli.errors import AttnError, InputError

if TYPE_CHECKING:
    from attn_cli.training.distributed.torchrun_env import TorchrunEnv
    from attn_cli.training.distributed.world import World
    from attn_cli.training.request import RunRequest

# For rank 0 to report an error that all processes have.
HEAD_START = 1.0  # seconds


@contextmanager
def distributed(env: TorchrunEnv | None) -> Iterator[World]:
    """Context manager: connects the processes that `torchrun` started; None for a single one.

    An error is reported once: by rank 0 if it has it, else by the first process that has.
    What follows from it in the others, as that this process is gone, is not.
    """
    if env is None:
        from attn_cli.training.distributed.world import SINGLE_PROCESS

        yield SINGLE_PROCESS
        return
    from attn_cli.training.distributed.torch_world import init_distributed
    from attn_cli.training.distributed.world import PeerLostError

    try:
        _check_restarts(env)
        world = init_distributed(env)
    except AttnError as error:
        if env.local_rank:  # one line a host
            raise typer.Exit(error.exit_code) from None
        raise
    try:
        yield world
    except AttnError as error:
        if not world.is_main:
            time.sleep(HEAD_START)
        if not world.claim_error_report():
            raise typer.Exit(error.exit_code) from None
        if not world.is_main and not isinstance(error, PeerLostError):
            error.message = f"process {env.rank} on {socket.gethostname()}: {error.message}"
        raise
    except Exception:  # a defect: reported by whoever has it, not by those that it leaves alone
        world.claim_error_report()
        raise
    world.shutdown()


def _check_restarts(env: TorchrunEnv) -> None:
    """Refuses restarts after which the processes of several hosts would not find each other.

    They would read the addresses of dead processes from the store that torchrun keeps.
    """
    if env.n_nodes > 1 and env.max_restarts and env.shares_store:
        raise InputError(
            "torchrun --max-restarts cannot restart several hosts as it was started",
            "set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 and --rdzv-backend=c10d on every host",
        )


def run_to_resume(env: TorchrunEnv | None, world: World, request: RunRequest) -> RunRequest:
    """The request, to resume its run where `torchrun --max-restarts` has started it again.

    Raises:
        InputError: Processes started again would not know which run was theirs.
    """
    if env is None or not env.max_restarts:
        return request
    if request.more is not None:
        raise InputError(
            f"torchrun --max-restarts starts this command again, with {request.more.origin} again",
            "say how long the whole run is to be, by `steps` or `minutes`",
        )
    if request.resume is not None:
        return request
    if request.out is None:
        raise InputError(
            "torchrun --max-restarts starts this command again, and it would begin another run",
            "name the run by --out DIR; after a restart it is resumed",
        )
    from attn_cli.runs.run_folder import is_run

    # Not every host counts a restart that another one asked for.
    if world.any(env.restarts > 0) and world.any(is_run(request.out)):
        return replace(request, out=None, resume=str(request.out))
    return request
