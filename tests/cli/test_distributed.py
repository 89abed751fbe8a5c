"""What `attn train` does before the processes that `torchrun` started connect."""

from __future__ import annotations

from dataclasses import replace

import pytest
import typer

from attn_cli.cli.distributed import distributed, run_to_resume
from attn_cli.errors import InputError
from attn_cli.training.distributed.torchrun_env import read_torchrun_env
from attn_cli.training.distributed.world import SINGLE_PROCESS
from attn_cli.training.request import RunRequest, make_request

ENVIRONMENT = {
    "WORLD_SIZE": "4", "RANK": "2", "LOCAL_WORLD_SIZE": "2", "LOCAL_RANK": "0",
    "GROUP_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_MAX_RESTARTS": "3",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
}  # fmt: skip


def test_restarts_of_several_hosts_need_a_store_each() -> None:
    env = read_torchrun_env(ENVIRONMENT)
    assert env is not None
    with pytest.raises(InputError, match="cannot restart several hosts") as raised:
        distributed(env).__enter__()
    assert "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1" in (raised.value.hint or "")
    with pytest.raises(typer.Exit):  # one line a host
        distributed(replace(env, local_rank=1)).__enter__()


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK"])
def test_an_environment_that_contradicts_itself_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=name):
        read_torchrun_env({**ENVIRONMENT, name: "4"})
    with pytest.raises(InputError, match="not a number"):
        read_torchrun_env({**ENVIRONMENT, name: "two"})


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (make_request(name="diary"), "would begin another run"),
        (make_request(resume="a", more_steps=5), "starts this command again, with `more_steps` 5"),
    ],
)
def test_what_a_restart_would_do_twice_is_refused(request_: RunRequest, message: str) -> None:
    with pytest.raises(InputError, match=message):
        run_to_resume(read_torchrun_env(ENVIRONMENT), SINGLE_PROCESS, request_)
