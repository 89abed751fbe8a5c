"""Training that diverges, and models that are too large for the machine."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

from attn_cli.runs.run_folder import RunFolder
from tests.faults.harness import (
    Trial,
    attn,
    fresh,
    latest_step,
    loss_of_data,
    settings,
    write_verse,
)

WILD = ("train.learning_rate=100", "train.min_learning_rate=0", "train.grad_clip=0",
        "train.warmup_steps=60", "train.weight_decay=100", "train.steps=300")  # fmt: skip


def no_numbers(folder: Path, number: int) -> Iterator[tuple[str, Trial]]:
    """Steps that grow until the loss is no number, and what the advice is worth."""
    text = write_verse(folder)
    for seed in range(number):
        run = RunFolder(fresh(folder / "run"))
        options = settings(*WILD, f"train.seed={seed}")
        ended = attn("train", text, *options, "--out", run.path, folder=folder)
        problem = ended.promised(1, "training diverged", f"attn train --resume {run.path} --set")
        lost = loss_of_data(run, latest_step(run))
        gentle = ("train.learning_rate=1e-3", "train.weight_decay=0.1", "train.grad_clip=1")
        changes = [word for key in gentle for word in ("--set", key)]
        rest = attn("train", "--resume", run.path, *changes, "--quiet", folder=folder)
        problem = problem or lost or rest.promised(0)
        yield "loss or gradient no number", Trial(problem, lost=bool(lost))


def too_large(folder: Path, number: int) -> Iterator[tuple[str, Trial]]:
    """More memory than the machine has, and more than the system gives."""
    text = write_verse(folder, times=3000)

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (7 * 2**30, 7 * 2**30))

    for trial in range(number):
        run = RunFolder(folder / f"large-{trial}")
        huge = settings("model.n_embd=65520", "model.n_layer=100")
        ended = attn("train", text, *huge, "--out", run.path, folder=folder)
        problem = ended.promised(1, "out of memory", "GiB asked for", "model.n_embd (65520)")
        yield "more memory than there is", Trial(problem or _made(run))
        keys = ("model.block_size=1024", "train.batch_size=512", "train.micro_batch_size=512",
                "model.n_embd=96")  # fmt: skip
        ended = attn("train", text, *settings(*keys), "--out", run.path, folder=folder,
                     before=limited)  # fmt: skip
        problem = ended.promised(1, "out of memory", "asked for", "train.micro_batch_size (now 512")
        yield "more memory than the system gives", Trial(problem)


def _made(run: RunFolder) -> str:
    return f"{run.path} was made for nothing" if run.path.exists() else ""
