"""`attn train` as one of several processes: which of them speaks, and how they end."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from attn_cli.cli.terminal import notice
from attn_cli.errors import AttnError, InputError

if TYPE_CHECKING:
    from attn_cli.training.distributed.torchrun_env import TorchrunEnv
    from attn_cli.training.distributed.world import World


@contextmanager
def distributed(env: TorchrunEnv | None) -> Iterator[World]:
    """Within it, this process has joined the others of its launch, if there are any.

    What fails in several for the same reason is told once; what fails in one, by that one.
    """
    if env is None:
        from attn_cli.training.distributed.world import SINGLE_PROCESS

        yield SINGLE_PROCESS
        return
    from attn_cli.training.distributed.torch_world import init_distributed
    from attn_cli.training.distributed.world import PeerLostError

    try:
        world = init_distributed(env)
    except AttnError as error:
        if env.local_rank:  # one line a host
            raise typer.Exit(error.exit_code) from None
        raise
    try:
        yield world
    except PeerLostError as error:
        if world.claim_error_report():
            notice(f"attn: {error.message}; what was saved before is whole")
        raise typer.Exit(1) from None
    except AttnError as error:
        if world.lower_rank_failed_too(error.message):
            raise typer.Exit(error.exit_code) from None
        world.claim_error_report()
        if not world.is_main:
            where = f"process {env.rank} on {socket.gethostname()}"
            error.message = f"{where}: {error.message}"
        raise
    except Exception:
        world.claim_error_report()
        raise
    world.shutdown()


def run_to_resume(
    env: TorchrunEnv | None, world: World, resume: str | None, out: Path | None
) -> str | None:
    """What `--resume` stands for, where `torchrun` starts processes again that have failed.

    Raises:
        InputError: Processes started again would not know which run was theirs.
    """
    if env is None or not env.max_restarts or resume is not None:
        return resume
    if out is None:
        raise InputError(
            "torchrun --max-restarts starts this command again, and it would begin another run",
            "name the run by --out DIR; it is gone on with after a restart",
        )
    from attn_cli.runs.folder import is_run

    # Not every host counts a restart that another one asked for.
    if world.any(env.restarts > 0) and world.any(is_run(out)):
        return str(out)
    return None
