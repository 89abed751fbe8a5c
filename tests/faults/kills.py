"""`kill -9` at random moments, saving included, each followed by a resume."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from attn_cli.runs.atomic_files import TMP_SUFFIX
from attn_cli.runs.run_folder import RunFolder
from tests.conftest import NAMES, write_pairs
from tests.faults.harness import (
    Trial,
    attn,
    difference,
    fresh,
    kill,
    latest_step,
    loss_of_data,
    settings,
    start,
    wait,
    wait_until,
    write_verse,
)

KINDS = (
    ("model.dropout=0.2", "train.micro_batch_size=2"),
    ("train.optimizer=muon", "model.block=qwen3", "model.position=rope", "model.dropout=0.1"),
    ("train.optimizer=muon", "train.precision=bf16", "model.bias=true"),
    ("data.records=lines", "model.dropout=0.1", "train.micro_batch_size=4"),
    ("task=mlm", "model.dropout=0.1"),
    ("task=classify", "model.dropout=0.1", "model.label_ngrams=[2, 3]", "train.best_by=accuracy"),
    ("task=seq2seq", "model.dropout=0.1", "train.best_by=error_rate", "train.micro_batch_size=4"),
)
STEPS = 300


def kills(folder: Path, number: int, seed: int = 1) -> Iterator[tuple[str, Trial]]:
    """`number` kills or a few more: the last run is brought to its end."""
    chance = random.Random(seed)
    verse, names, labelled = write_verse(folder), folder / "names.txt", folder / "labelled.tsv"
    names.write_text("".join(NAMES), encoding="utf-8")
    rows = (f"{name.strip()}\t{name.strip()[-2:]}\n" for name in NAMES)
    labelled.write_text("".join(rows), encoding="utf-8")
    pairs = write_pairs(folder / "pairs.tsv")
    texts = {"data.records=lines": names, "task=classify": labelled, "task=seq2seq": pairs}
    whole: dict[tuple[str, ...], RunFolder] = {}
    killed = 0
    for round_ in range(number):
        if killed >= number:
            return
        kind = KINDS[round_ % len(KINDS)]
        options = settings(*kind, f"train.steps={STEPS}")
        text = next((texts[setting] for setting in kind if setting in texts), verse)
        if kind not in whole:
            run = RunFolder(folder / f"whole-{len(whole)}")
            ended = attn("train", text, *options, "--out", run.path, "--quiet", folder=folder)
            assert ended.code == 0, ended.err
            whole[kind] = run
        run = RunFolder(fresh(folder / "killed"))
        first = ("train", text, *options, "--out", run.path, "--quiet")
        pending: list[str] = []
        while True:
            begun = run.config.is_file()
            arguments = ("train", "--resume", run.path, "--quiet") if begun else first
            process = start(*arguments, folder=folder)
            aimed = _kill_at_random(process, run, chance)
            saved = latest_step(run)
            said = wait(process).err
            for name in pending:
                yield name, Trial()
            pending = []
            if process.returncode == 0:
                break
            # The signal before the kill was quick enough; quicker than Python's own start, even.
            if process.returncode in (130, -signal.SIGINT) and "Traceback" not in said:
                continue
            name = "kill -9 while saving" if aimed else "kill -9 at a random moment"
            if process.returncode != -9:
                yield name, Trial(f"ended with {process.returncode} when resumed")
                break
            killed += 1
            lost = loss_of_data(run, saved)
            if lost:
                yield name, Trial(lost, lost=True)
            else:
                pending.append(name)
        differs = difference(run, whole[kind])
        if differs:
            yield "kill -9 at a random moment", Trial(f"after all kills: {differs}", lost=True)


def _kill_at_random(process, run: RunFolder, chance: random.Random) -> bool:  # type: ignore[no-untyped-def]
    """Kills a process after a random time; whether it was in the middle of saving.

    Some are told to stop a moment before: what they save then is in the middle of things.
    """

    def saving() -> bool:
        return any(run.checkpoints.glob(f".step-*{TMP_SUFFIX}"))

    time.sleep(chance.uniform(0.5, 5.0))
    if chance.random() < 0.5 and wait_until(saving, process):
        time.sleep(chance.uniform(0.0, 0.01))
    if process.poll() is None and chance.random() < 0.25:
        process.send_signal(signal.SIGINT)
        time.sleep(chance.uniform(0.0, 0.05))
    if process.poll() is not None:
        return False
    kill(process)
    return saving()
