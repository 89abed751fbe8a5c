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
    from attn_cli.training.distributed.launch import Launch
    from attn_cli.training.processes import Processes


@contextmanager
def together(launch: Launch | None) -> Iterator[Processes]:
    """Within it, this process has joined the others of its launch, if there are any.

    What fails in several for the same reason is told once; what fails in one, by that one.
    """
    if launch is None:
        from attn_cli.training.processes import ALONE

        yield ALONE
        return
    from attn_cli.training.distributed.group import join
    from attn_cli.training.processes import PeerLostError

    try:
        group = join(launch)
    except AttnError as error:
        if launch.local_rank:  # one line a host
            raise typer.Exit(error.exit_code) from None
        raise
    try:
        yield group
    except PeerLostError as error:
        if group.speaks_first():
            notice(f"attn: {error.message}; what was saved before is whole")
        raise typer.Exit(1) from None
    except AttnError as error:
        if group.failed_as_well(error.message):
            raise typer.Exit(error.exit_code) from None
        group.speaks_first()
        if not group.first:
            where = f"process {launch.rank} on {socket.gethostname()}"
            error.message = f"{where}: {error.message}"
        raise
    except Exception:
        group.speaks_first()
        raise
    group.leave()


def run_to_resume(
    launch: Launch | None, processes: Processes, resume: str | None, out: Path | None
) -> str | None:
    """What `--resume` stands for, where `torchrun` starts processes again that have failed.

    Raises:
        InputError: Processes started again would not know which run was theirs.
    """
    if launch is None or not launch.most_restarts or resume is not None:
        return resume
    if out is None:
        raise InputError(
            "torchrun --max-restarts starts this command again, and it would begin another run",
            "name the run by --out DIR; it is gone on with after a restart",
        )
    from attn_cli.runs.folder import is_run

    # Not every host counts a restart that another one asked for.
    if processes.any(launch.restarts > 0) and processes.any(is_run(out)):
        return str(out)
    return None
