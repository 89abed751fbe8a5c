"""Disks that are full or read-only, and folders that go away."""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
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

# A model so small that its logs outgrow it.
SMALL = ("model.n_head=1", "model.n_embd=6", "model.n_layer=1", "train.log_every=1",
         "train.checkpoint_every=5", "train.eval_every=50", "train.keep_checkpoints=1",
         "train.steps=200")  # fmt: skip


def full_disk(folder: Path, number: int, seed: int = 4) -> Iterator[tuple[str, Trial]]:
    """A disk with room for a part of a run, which is then freed."""
    chance = random.Random(seed)
    text = write_verse(folder)
    options = settings(*SMALL, "sample.max_new_chars=2000")
    whole = RunFolder(folder / "whole")
    attn("train", text, *options, "--out", whole.path, "--quiet", folder=folder)
    for _ in range(number):
        with _disk(folder, "size=8m") as disk:
            if disk is None:
                return
            room = chance.randrange(4_000, 250_000)
            ballast = disk / "ballast"
            _fill(ballast, room)
            run = RunFolder(disk / "run")
            ended = attn("train", text, *options, "--out", run.path, "--quiet", folder=folder)
            if ended.code == 0:
                ballast.unlink()
                yield "full disk", Trial(difference(run, whole))
                continue
            problem = ended.promised(1, "No space left on device")
            lost = loss_of_data(run, latest_step(run))
            ballast.unlink()
            again = ("train", "--resume", run.path) if run.config.is_file() else (
                "train", text, *options, "--out", run.path)  # fmt: skip
            differs = attn(*again, "--quiet", folder=folder).promised(0) or difference(run, whole)
            yield "full disk", Trial(problem or lost or differs, lost=bool(lost or differs))


def file_size_limit(folder: Path, number: int, seed: int = 5) -> Iterator[tuple[str, Trial]]:
    """A limit on the size of a file, which stops what grows: the log, the samples, the curves."""
    text = write_verse(folder)
    kinds = {
        "while logging": ("sample.max_new_chars=40", 16_000),
        # A vocabulary without a form feed: nothing ends a sample before its length.
        "while sampling": ("data.tokenizer=corpus", 60_000),
    }
    chance = random.Random(seed)
    for name, (setting, limit) in kinds.items():
        options = settings(*SMALL, "sample.max_new_chars=20000", setting)
        whole = RunFolder(fresh(folder / "whole"))
        attn("train", text, *options, "--out", whole.path, "--quiet", folder=folder)
        for _ in range(number):
            run = RunFolder(fresh(folder / "run"))
            most = limit + chance.randrange(2_000)

            def limited(most: int = most) -> None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

            started = ("train", text, *options, "--out", run.path, "--quiet")
            ended = attn(*started, folder=folder, before=limited)
            problem = ended.promised(1, "cannot write", str(run.path), "attn train --resume")
            lost = loss_of_data(run, latest_step(run))
            rest = attn("train", "--resume", run.path, "--quiet", folder=folder)
            differs = rest.promised(0) or difference(run, whole)
            trial = Trial(problem or lost or differs, lost=bool(lost or differs))
            yield f"file size limit {name}", trial


def read_only(folder: Path, number: int) -> Iterator[tuple[str, Trial]]:
    """A folder that cannot be written to: for a new run, and for one that is resumed."""
    text = write_verse(folder)
    options = settings(*SMALL)
    for _ in range(number):
        with _disk(folder, "size=8m") as disk:
            if disk is None:
                return
            run = RunFolder(disk / "run")
            attn("train", text, *options, "--steps", "10", "--out", run.path, folder=folder)
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
            new = attn("train", text, *options, "--out", disk / "new", folder=folder)
            yield "read-only folder", Trial(new.promised(1, "cannot write", "Read-only"))
            longer = ("train", "--resume", run.path, "--steps", "20")
            ended = attn(*longer, folder=folder)
            lost = loss_of_data(run, 10)
            problem = ended.promised(1, "Read-only file system") or lost
            yield "read-only folder", Trial(problem, lost=bool(lost))
            written = attn("generate", "The", "--run", run.path, folder=folder)
            yield "read-only folder", Trial(written.promised(0, "The"))


def removed_folder(folder: Path, number: int) -> Iterator[tuple[str, Trial]]:
    """The run's folder, or what is in it, removed while it is written to."""
    text = write_verse(folder)
    options = settings("train.steps=100000")
    for trial in range(number):
        run = RunFolder(fresh(folder / "run"))
        process = start("train", text, *options, "--out", run.path, "--quiet", folder=folder)
        assert wait_until(lambda run=run: latest_step(run) >= 9, process), wait(process).err
        for _ in range(50):
            shutil.rmtree(run.checkpoints if trial % 2 else run.path, ignore_errors=True)
        yield "folder removed during the run", Trial(wait(process).promised(1, "cannot "))


@contextmanager
def _disk(folder: Path, options: str) -> Iterator[Path | None]:
    """A small disk in memory; None where this user may not make one."""
    place = fresh(folder / "disk")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False
    )
    if made.returncode:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def _fill(ballast: Path, room: int) -> None:
    """Fills a disk up to some bytes."""
    free = os.statvfs(ballast.parent)
    ballast.write_bytes(bytes(free.f_bavail * free.f_frsize - room))
