"""Several processes of one run, started by `torchrun`, of which one dies, fails or never comes."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from attn_cli.runs.run_folder import RunFolder
from tests.faults.harness import (
    ROOT,
    Ended,
    Trial,
    difference,
    fresh,
    latest_step,
    loss_of_data,
    settings,
    start,
    wait,
    wait_until,
    write_verse,
)

STEPS = 150
# Within which all have to end once one has, once they are told to, or where they never meet.
SECONDS = 30.0
OPTIONS = settings("model.dropout=0.1", f"train.steps={STEPS}")

# `attn` whose second process comes to harm at step 40, the first time that it is started:
# as by the system, which kills without a word, or by a full disk of its host.
HARMED = """
import os, signal, sys
from attn_cli.__main__ import main
from attn_cli.errors import OperationError
from attn_cli.text.batches import Batches
real, harm = Batches.batch, sys.argv.pop(1)
def batch(self, step):
    if step == 40 and os.environ["RANK"] == "1" and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        if harm == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OperationError("no room on this host", "make some")
    return real(self, step)
Batches.batch = batch
main()
"""


def processes(folder: Path, number: int, seed: int = 4) -> Iterator[tuple[str, Trial]]:
    """`number` of each: kills, failures, Ctrl-C, restarts; and one that nobody meets."""
    if not sys.platform.startswith("linux"):
        return  # Elsewhere there is no /proc to tell which process is which.
    lonely = _lonely(folder)
    chance = random.Random(seed)
    text = write_verse(folder)
    whole = RunFolder(folder / "whole")
    ended = wait(_attn("train", text, *OPTIONS, "--out", whole.path, folder=folder))
    assert ended.code == 0, ended.err
    for trial in range(number):
        yield "one of two processes killed", _killed(folder, text, whole, trial % 2, chance)
        yield "one of two processes fails: told", _failing(folder, text)
        yield "Ctrl-C at torchrun: saved", _interrupted(folder, text, whole, chance)
        yield "torchrun starts them again", _restarted(folder, text, whole)
        yield "torchrun itself killed: saved", _orphaned(folder, text, whole, chance)
    ended = wait(lonely)
    problem = ended.promised(1, "did not connect", "1/2 clients joined", "torchrun on each host")
    yield "processes that never meet: told", Trial(problem)


def _killed(folder: Path, text: Path, whole: RunFolder, rank: int, chance: random.Random) -> Trial:
    run, launcher, pids = _running(folder, text, chance)
    saved = latest_step(run)
    begin = time.monotonic()
    os.kill(pids[rank], signal.SIGKILL)
    ended = wait(launcher)
    problem = _told(ended, "lost the connection to another process", "Signal 9")
    if "stopping" in ended.err:
        problem = problem or "the signal of the launcher was told as one of the user's"
    return _gone_on(run, whole, problem or _ended(begin, pids), saved, folder)


def _failing(folder: Path, text: Path) -> Trial:
    run = RunFolder(fresh(folder / "run"))
    command = ("fail", "train", text, *OPTIONS, "--out", run.path)
    ended = wait(_harmed(*command, folder=folder))
    problem = _told(ended, "attn: process 1 on ", "no room on this host", "make some")
    if "lost the connection to another process" in ended.err:
        problem = problem or "it was told as a process that is gone, too"
    return Trial(problem or loss_of_data(run, 39))


def _interrupted(folder: Path, text: Path, whole: RunFolder, chance: random.Random) -> Trial:
    run, launcher, pids = _running(folder, text, chance)
    begin, saved = time.monotonic(), latest_step(run)
    launcher.send_signal(signal.SIGINT)
    problem = _told(wait(launcher), f"to resume: attn train --resume {run.path}")
    return _gone_on(run, whole, problem or _ended(begin, pids), saved, folder)


def _restarted(folder: Path, text: Path, whole: RunFolder) -> Trial:
    run = RunFolder(fresh(folder / "run"))
    command = ("kill", "train", text, *OPTIONS, "--out", run.path)
    ended = wait(_harmed(*command, folder=folder, options=("--max-restarts=3",)))
    problem = f"ended with {ended.code}: {ended.err[-300:]!r}" if ended.code else ""
    differs = problem or difference(run, whole)
    return Trial(problem or differs, lost=bool(differs))


def _orphaned(folder: Path, text: Path, whole: RunFolder, chance: random.Random) -> Trial:
    run, launcher, pids = _running(folder, text, chance)
    saved = latest_step(run)
    launcher.kill()
    launcher.wait()
    end = time.monotonic() + SECONDS
    while any(_alive(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.1)
    left = [pid for pid in pids if _alive(pid)]
    launcher.communicate()
    problem = f"processes were left: {left}" if left else ""
    return _gone_on(run, whole, problem, saved, folder)


def _alive(pid: int) -> bool:
    """Whether a process runs; what has ended may stay listed until somebody asks for its code."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def _lonely(folder: Path) -> subprocess.Popen[str]:
    """The first of two processes, without the other one; the system ends it if it stays long."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
                   "MASTER_PORT": str(port)}  # fmt: skip
    # A busy machine takes a while to begin with.
    return start("train", "--steps", "5", folder=folder, environment=environment,
                 before=lambda: signal.alarm(int(2 * SECONDS)))  # fmt: skip


def _running(
    folder: Path, text: Path, chance: random.Random
) -> tuple[RunFolder, subprocess.Popen[str], list[int]]:
    """A run that is somewhere between its first checkpoint and its end, and its processes."""
    run = RunFolder(fresh(folder / "run"))
    launcher = _attn("train", text, *OPTIONS, "--out", run.path, folder=folder)
    wanted = chance.randrange(1, STEPS - 60)
    assert wait_until(lambda: latest_step(run) >= wanted, launcher), wait(launcher).err
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
    of_rank = {int(_environment(int(pid))["RANK"]): int(pid) for pid in children}
    return run, launcher, [of_rank[0], of_rank[1]]


def _environment(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def _attn(*arguments: str | Path, folder: Path) -> subprocess.Popen[str]:
    """`attn` in two processes."""
    return _launched("-m", "attn_cli", *arguments, "--quiet", folder=folder)


def _harmed(
    *arguments: str | Path, folder: Path, options: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    """`attn` in two processes, of which the second one comes to harm."""
    program = folder / "harmed.py"
    program.write_text(HARMED)
    return _launched(*options, program, *arguments, "--quiet", folder=folder)


def _launched(*arguments: str | Path, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
         *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "ATTN_CACHE": str(folder / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def _told(ended: Ended, *words: str) -> str:
    """What is not as promised; the traceback that torchrun itself ends with is its own."""
    missing = [word for word in words if word not in ended.err]
    if missing:
        return f"does not say {missing}: {ended.err[-600:]!r}"
    return "a traceback of attn" if "attn_cli/" in ended.err else ""


def _ended(begin: float, pids: list[int]) -> str:
    """Whether all ended in time, and none was left."""
    seconds = time.monotonic() - begin
    left = [pid for pid in pids if _alive(pid)]
    if left:
        return f"processes were left: {left}"
    return f"they took {seconds:.0f} s to end" if seconds > SECONDS else ""


def _gone_on(run: RunFolder, whole: RunFolder, problem: str, saved: int, folder: Path) -> Trial:
    """Resumes to the end, in two processes, and compares."""
    lost = loss_of_data(run, saved)
    ended = wait(_attn("train", "--resume", run.path, folder=folder))
    problem = problem or (f"ended with {ended.code} when resumed" if ended.code else "")
    differs = lost or difference(run, whole)
    return Trial(problem or differs, lost=bool(differs))
