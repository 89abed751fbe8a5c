"""Signals: one asks the run to save and leave, a second one ends it at once."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from attn_cli.runs.run_folder import RunFolder
from tests.faults.harness import (
    Trial,
    attn,
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
CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}


def signals(folder: Path, number: int, seed: int = 2) -> Iterator[tuple[str, Trial]]:
    """`number` of each signal, and of two in a row."""
    chance = random.Random(seed)
    options = settings("model.dropout=0.1", f"train.steps={STEPS}")
    text = write_verse(folder)
    whole = RunFolder(folder / "whole")
    attn("train", text, *options, "--out", whole.path, "--quiet", folder=folder)
    for name, code in CODES.items():
        for _ in range(number):
            run, process = _running(folder, text, options, chance)
            process.send_signal(getattr(signal, name))
            ended = wait(process)
            problem = ended.promised(code, f"attn train --resume {run.path}")
            yield f"{name}: saved, exit {code}", _gone_on(run, whole, problem, folder)
    for _ in range(number):
        run, process = _running(folder, text, options, chance)
        process.send_signal(signal.SIGINT)
        time.sleep(chance.uniform(0.0, 0.02))
        saved = latest_step(run)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        problem = wait(process).promised(130, f"attn train --resume {run.path}")
        lost = loss_of_data(run, saved)
        yield "second Ctrl-C: at once, exit 130", _gone_on(run, whole, problem or lost, folder)


def two_processes(folder: Path, number: int, seed: int = 3) -> Iterator[tuple[str, Trial]]:
    """A second process into the folder of a running one, and the lock of one that was killed."""
    chance = random.Random(seed)
    options = settings(f"train.steps={STEPS}")
    text = write_verse(folder)
    whole = RunFolder(folder / "whole")
    attn("train", text, *options, "--out", whole.path, "--quiet", folder=folder)
    for _ in range(number):
        run, process = _running(folder, text, options, chance)
        process.send_signal(signal.SIGSTOP)  # so that it is still there when the second comes
        words = ("is in use", f"process {process.pid} is training")
        again = attn("train", text, *options, "--out", run.path, folder=folder)
        problem = again.promised(2, *words)
        resumed = attn("train", "--resume", run.path, folder=folder)
        problem = problem or resumed.promised(2, *words)
        os.kill(process.pid, signal.SIGKILL)
        wait(process)
        yield "second process: refused with the pid", _gone_on(run, whole, problem, folder)


def _running(folder: Path, text: Path, options: list[str], chance: random.Random):  # type: ignore[no-untyped-def]
    """A run that is somewhere between its first checkpoint and its end."""
    run = RunFolder(fresh(folder / "run"))
    process = start("train", text, *options, "--out", run.path, "--quiet", folder=folder,
                    before=_as_from_a_terminal)  # fmt: skip
    wanted = chance.randrange(1, STEPS - 30)
    assert wait_until(lambda: latest_step(run) >= wanted, process), wait(process).err
    return run, process


def _as_from_a_terminal() -> None:
    """What starts these trials may have been told to ignore a hang-up, as `nohup` does."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _gone_on(run: RunFolder, whole: RunFolder, problem: str, folder: Path) -> Trial:
    """Resumes to the end, and compares."""
    ended = attn("train", "--resume", run.path, "--quiet", folder=folder)
    differs = ended.promised(0) or difference(run, whole)
    return Trial(problem or differs, lost=bool(differs))
