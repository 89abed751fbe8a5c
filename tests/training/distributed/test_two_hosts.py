"""One run by two hosts, one process on each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from attn_cli.runs.metrics import read_metrics
from attn_cli.runs.run_folder import RunFolder
from tests.conftest import Trained, train_in
from tests.faults.processes import HARMED
from tests.training.distributed.torchrun import LONGEST
from tests.training.distributed.two_hosts import INTERFACE, Host, missing, two_hosts
from tests.training.distributed.worker import write_texts

pytestmark = pytest.mark.distributed

STEPS = ("train.steps=60", "train.learning_rate=1e-3", "train.log_every=1")
PORT = 29417


@pytest.fixture(scope="module", autouse=True)
def _hosts() -> None:
    """Skips where there can be no two hosts, and says why."""
    why = missing()
    if why:
        pytest.skip(why)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """What one process makes of it."""
    folder = tmp_path_factory.mktemp("alone")
    write_texts(folder)
    return train_in(folder / "run", folder / "stream.txt", *STEPS)


def train_on(
    first: Host,
    second: Host,
    alone: Trained,
    folder: Path,
    *options: str,
    program: tuple[str | Path, ...] = ("-m", "attn_cli"),
    hidden: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[tuple[int, str, str]]:
    """`torchrun ... attn train` on both hosts, to the end: what each left with and said.

    They train what one process alone has trained.
    """
    started = [
        host.start(
            "-m", "torch.distributed.run", "--nnodes=2", f"--node-rank={rank}",
            f"--local-addr={host.address}", "--nproc-per-node=1",
            f"--rdzv-endpoint={first.address}:{PORT}", *options,
            # Hosts without names do not know by themselves which of them the endpoint is.
            f"--rdzv-conf=timeout={LONGEST},is_host={int(host is first)}",
            *program, "train", "--config", alone.run.config, "--out", "run", "--json",
            folder=folder, hidden=hidden if rank else None,
            environment={"GLOO_SOCKET_IFNAME": INTERFACE, **(environment or {})},
        )
        for rank, host in enumerate((first, second))
    ]  # fmt: skip
    ended = [process.communicate(timeout=LONGEST) for process in started]
    return [
        (process.returncode, out, err) for process, (out, err) in zip(started, ended, strict=True)
    ]


@pytest.mark.parametrize("backend", ["static", "c10d"])
def test_two_hosts_train_what_one_does(backend: str, alone: Trained, tmp_path: Path) -> None:
    with two_hosts() as (first, second):
        ended = train_on(first, second, alone, tmp_path, f"--rdzv-backend={backend}")
    for code, _, err in ended:
        assert code == 0, err
    results = [json.loads(out) for _, out, _ in ended if out]
    assert len(results) == 1
    assert results[0]["val_loss"] == pytest.approx(alone.result.val_loss, abs=1e-3)
    losses = [line.train_loss for line in read_metrics(RunFolder(tmp_path / "run").metrics)]
    known = [line.train_loss for line in read_metrics(alone.run.metrics)]
    assert len(losses) == len(known)
    assert losses[:20] == pytest.approx(known[:20], abs=1e-5)


def test_started_again_they_resume(alone: Trained, tmp_path: Path) -> None:
    """The host whose process is killed counts the restart, and the other one does not."""
    program = tmp_path / "harmed.py"
    program.write_text(HARMED)
    with two_hosts() as (first, second):
        ended = train_on(
            first, second, alone, tmp_path, "--rdzv-backend=c10d", "--max-restarts=2",
            program=(program, "kill"),
            environment={"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"},
        )  # fmt: skip
    for code, _, err in ended:
        assert code == 0, err
    assert "resumed from step" in ended[0][2] + ended[1][2]
    (result,) = [json.loads(out) for _, out, _ in ended if out]
    assert result["val_loss"] == pytest.approx(alone.result.val_loss, abs=1e-3)


def test_what_fails_on_one_host_ends_the_other(alone: Trained, tmp_path: Path) -> None:
    with two_hosts() as (first, second):
        ended = train_on(first, second, alone, tmp_path, hidden=alone.run.path.parent)
    assert all(code for code, _, _ in ended)
    assert "attn: process 1 on" in ended[1][2]
    assert "lost the connection" not in ended[0][2] + ended[1][2]


def test_a_folder_that_the_hosts_do_not_share_is_told(alone: Trained, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with two_hosts() as (first, second):
        ended = train_on(first, second, alone, tmp_path, hidden=tmp_path / "run")
    assert all(code for code, _, _ in ended)
    said = ended[1][2]
    assert "attn: process 1 on" in said
    assert "run on this host is not the folder that process 0 is training into" in said
    assert "choose a folder that all hosts share" in said
