"""Trials, their tally, and `attn` as a process that can be killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attn_cli.errors import AttnError
from attn_cli.runs.recovery import latest_valid_checkpoint
from attn_cli.runs.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
VERSE = "The fox met the owl. The owl met the fox. They sat and talked until the moon was up.\n"

# Over the default configuration, with everything named that the trials vary.
TINY = (
    "model.block=gpt2",
    "model.position=learned",
    "model.dropout=0",
    "model.n_layer=2",
    "model.n_head=3",
    "model.n_embd=24",
    "model.block_size=16",
    "train.batch_size=8",
    "train.optimizer=adamw",
    "train.warmup_steps=10",
    "train.learning_rate=1e-2",
    "train.precision=fp32",
    "train.muon_precision=fp32",  # auto is what is faster at the moment
    "train.log_every=2",
    "train.checkpoint_every=3",
    "train.eval_every=25",
    "sample.max_new_chars=40",
)


@dataclass(frozen=True)
class Trial:
    """What came of one try.

    Attributes:
        problem: What was not as promised; empty where all was.
        lost: Whether anything was lost that had been saved.
    """

    problem: str = ""
    lost: bool = False


@dataclass
class Tally:
    """All trials of one fault.

    Attributes:
        fault: What was done to the runs.
        tried: How often.
        survived: How often all was as promised.
        lost: How often data was lost.
        problems: What was not as promised.
    """

    fault: str
    tried: int = 0
    survived: int = 0
    lost: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, trial: Trial) -> None:
        self.tried += 1
        self.survived += not trial.problem
        self.lost += trial.lost
        if trial.problem:
            self.problems.append(f"{self.fault}: {trial.problem}")


Fault = Callable[[Path, int], Iterator[tuple[str, Trial]]]


def tally(fault: Fault, folder: Path, number: int) -> list[Tally]:
    """Runs the trials of a fault, about `number` of each of its kinds."""
    tallies: dict[str, Tally] = {}
    for name, trial in fault(folder, number):
        tallies.setdefault(name, Tally(name)).add(trial)
    return list(tallies.values())


def settings(*overrides: str) -> list[str]:
    """`--set` options for a tiny model, with more on top."""
    return [word for key in (*TINY, *overrides) for word in ("--set", key)]


def start(
    *arguments: str | Path,
    folder: Path,
    before: Callable[[], None] | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """`attn` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "attn_cli", *map(str, arguments)],
        cwd=folder,
        # One thread: trials run side by side, and sums must not depend on how many there are.
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
             "ATTN_CACHE": str(folder / "cache"), **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,
    )  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a process ended and what it said."""

    code: int
    out: str
    err: str

    def promised(self, code: int, *words: str) -> str:
        """What is not as it should be: the exit code, the words, a traceback; or nothing."""
        said = self.out + self.err
        if self.code != code:
            return f"exit code {self.code}, not {code}: {said[-300:]!r}"
        missing = [word for word in words if word not in said]
        if missing:
            return f"does not say {missing}: {said[-300:]!r}"
        if "Traceback" in said or "unexpected" in said:
            return f"not told as an error of the user's: {said[-300:]!r}"
        return ""


def attn(*arguments: str | Path, folder: Path, **options: Any) -> Ended:
    """Runs `attn` to its end."""
    return wait(start(*arguments, folder=folder, **options))


def wait(process: subprocess.Popen[str]) -> Ended:
    """Waits for the end of a process."""
    out, err = process.communicate(timeout=300)
    return Ended(process.returncode, out, err)


def write_verse(folder: Path, times: int = 30) -> Path:
    """A short text."""
    path = folder / "verse.txt"
    path.write_text(VERSE * times, encoding="utf-8")
    return path


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> bool:
    """Whether a condition came true while a process was alive."""
    deadline = time.monotonic() + 120
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def latest_step(run: RunFolder) -> int:
    """The step that the pointer names; 0 where there is none."""
    try:
        return int((run.checkpoints / "latest").read_text().strip().removeprefix("step-"))
    except (OSError, ValueError):
        return 0


def loss_of_data(run: RunFolder, saved: int) -> str:
    """What of a saved step is not there any more; empty if all is."""
    try:
        checkpoint = latest_valid_checkpoint(run).checkpoint
    except AttnError as error:
        return error.message
    found = checkpoint.metadata.step if checkpoint else 0
    return f"step {saved} was saved and the newest whole one is {found}" if found < saved else ""


def difference(run: RunFolder, whole: RunFolder) -> str:
    """Where a run did not end bit for bit as one that was never disturbed; or empty."""
    for which in ("latest", "best"):
        mine, theirs = run.checkpoint(which), whole.checkpoint(which)
        if mine.name != theirs.name:
            return f"{which} is {mine.name}, not {theirs.name}"
        for name in ("model.safetensors", "optimizer.safetensors"):
            if (mine / name).read_bytes() != (theirs / name).read_bytes():
                return f"{which}/{name} differs"
    if _without_times(run) != _without_times(whole):
        return "metrics.jsonl differs"
    if run.samples.read_bytes() != whole.samples.read_bytes():
        return "samples.txt differs"
    return ""


def _without_times(run: RunFolder) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    for record in records:
        del record["seconds"], record["chars_per_second"]
    return records


def fresh(folder: Path) -> Path:
    """An empty folder of that name."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def kill(process: subprocess.Popen[str]) -> None:
    """`kill -9`, and its end."""
    process.send_signal(signal.SIGKILL)
    process.communicate()
