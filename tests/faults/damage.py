"""Files that break: flipped bits, torn lines, lost pieces, a text that changes."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

from attn_cli.runs.recovery import latest_valid_checkpoint
from attn_cli.runs.run_folder import RunFolder
from tests.faults.harness import (
    VERSE,
    Trial,
    attn,
    difference,
    fresh,
    latest_step,
    settings,
    start,
    wait,
    wait_until,
    write_verse,
)

STEPS = 80
FILES = ("model.safetensors", "optimizer.safetensors", "state.json")


def flipped_bits(folder: Path, number: int, seed: int = 6) -> Iterator[tuple[str, Trial]]:
    """One bit of the newest checkpoint, `number` times in each file; read in this process."""
    stopped, _ = _stopped_and_whole(folder)
    chance = random.Random(seed)
    for name in FILES:
        for _ in range(number):
            run = _copy(stopped, folder)
            path = run.checkpoint("latest") / name
            data = bytearray(path.read_bytes())
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            path.write_bytes(data)
            found = latest_valid_checkpoint(run)
            blank = name == "state.json" and not found.damaged
            told = any(name in damage for damage in found.damaged)
            fell_back = found.checkpoint is not None and (
                found.checkpoint.folder != run.checkpoint("latest")
            )
            # A space in place of a newline says the same; anything else has to be noticed.
            ok = (told and fell_back) or (blank and _same_state(path, stopped))
            problem = "" if ok else f"a flipped bit of {name} is not noticed"
            yield "flipped bit", Trial(problem)


def broken_checkpoints(folder: Path, number: int, seed: int = 7) -> Iterator[tuple[str, Trial]]:
    """The newest checkpoint broken in some way; the run is resumed from the one before."""
    stopped, whole = _stopped_and_whole(folder)
    chance = random.Random(seed)
    for trial in range(number):
        run = _copy(stopped, folder)
        name = FILES[trial % len(FILES)]
        path = run.checkpoint("latest") / name
        how = ("flipped", "cut", "empty", "gone")[trial // len(FILES) % 4]
        if how == "flipped":
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 64
            path.write_bytes(data)
        elif how == "cut":
            path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])
        elif how == "empty":
            path.write_bytes(b"")
        else:
            path.unlink()
        ended = attn("train", "--resume", run.path, folder=folder)
        problem = ended.promised(0, "quarantined damaged checkpoint")
        differs = difference(run, whole)
        yield "broken checkpoint", Trial(problem or differs, lost=bool(differs))


def torn_lines(folder: Path, number: int, seed: int = 8) -> Iterator[tuple[str, Trial]]:
    """The end of metrics.jsonl cut off, or followed by half a line."""
    stopped, whole = _stopped_and_whole(folder)
    chance = random.Random(seed)
    for trial in range(number):
        run = _copy(stopped, folder)
        text = run.metrics.read_text()
        last = text.splitlines()[-1]
        if trial % 2:
            run.metrics.write_text(text + last[: chance.randrange(1, len(last))])
        else:
            run.metrics.write_text(text[: -chance.randrange(1, len(last))])
        problem = attn("train", "--resume", run.path, "--quiet", folder=folder).promised(0)
        differs = difference(run, whole)
        yield "torn line in metrics.jsonl", Trial(problem or differs, lost=bool(differs))


def changed_text(folder: Path, number: int) -> Iterator[tuple[str, Trial]]:
    """The text edited after a stop, and while the run is going on."""
    stopped, whole = _stopped_and_whole(folder)
    text = folder / "verse.txt"
    before = text.read_text()
    for _ in range(number):
        run = _copy(stopped, folder)
        text.write_text(before + "The end.\n")
        ended = attn("train", "--resume", run.path, folder=folder)
        problem = ended.promised(2, "verse.txt has changed since", "9 characters longer")
        text.write_text(before)
        problem = problem or attn("train", "--resume", run.path, folder=folder).promised(0)
        differs = difference(run, whole)
        name = "text changed after a stop: told"
        yield name, Trial(problem or differs, lost=bool(differs))

        run = RunFolder(fresh(folder / "run"))
        options = ("train", text, *_options(), "--out", run.path, "--quiet")
        process = start(*options, folder=folder)
        assert wait_until(lambda run=run: latest_step(run) >= 3, process), wait(process).err
        text.write_text("all gone")
        problem = wait(process).promised(0)
        text.write_text(before)
        differs = difference(run, whole)
        yield "text changed during the run", Trial(problem or differs, lost=bool(differs))


def cut_cache(folder: Path, number: int) -> Iterator[tuple[str, Trial]]:
    """The ids of a text too large for memory, cut short before a start and under a running run."""
    text = write_verse(folder, times=2**26 // len(VERSE) + 1)
    keys = ("data.validation_fraction=0.0001", "train.eval_every=40", f"train.steps={STEPS}")
    options = settings(*keys)
    whole = RunFolder(fresh(folder / "whole"))
    attn("train", text, *options, "--out", whole.path, "--quiet", folder=folder)
    (ids,) = (folder / "cache").rglob("*.ids")
    for _ in range(number):
        os.truncate(ids, ids.stat().st_size // 2)
        run = RunFolder(fresh(folder / "run"))
        options_of_run = ("train", text, *options, "--out", run.path, "--quiet")
        problem = attn(*options_of_run, folder=folder).promised(0)
        differs = difference(run, whole)
        yield "cache cut short: made again", Trial(problem or differs, lost=bool(differs))

        run = RunFolder(fresh(folder / "run"))
        process = start(*options_of_run[:2], *options, "--set", "train.steps=100000", "--out",
                        run.path, "--quiet", folder=folder)  # fmt: skip
        assert wait_until(lambda run=run: latest_step(run) >= 3, process), wait(process).err
        os.truncate(ids, 4096)
        ended = wait(process)
        # Cut between the look at its size and the reading, the system ends the process itself.
        killed = ended.code == -signal.SIGBUS
        problem = "" if killed else ended.promised(1, "truncated while they were being read")
        rest = attn("train", "--resume", run.path, "--steps", str(latest_step(run) + 40), "--quiet",
                    folder=folder)  # fmt: skip
        lost = rest.promised(0)
        yield "cache cut short under a run: resumed", Trial(problem or lost, lost=bool(lost))
    shutil.rmtree(folder / "cache")
    text.unlink()


def _options() -> list[str]:
    return settings("model.dropout=0.1", f"train.steps={STEPS}")


def _stopped_and_whole(folder: Path) -> tuple[RunFolder, RunFolder]:
    """A run that was stopped on its way, and the same one never stopped."""
    text = write_verse(folder)
    whole, stopped = RunFolder(fresh(folder / "whole")), RunFolder(fresh(folder / "stopped"))
    attn("train", text, *_options(), "--out", whole.path, "--quiet", folder=folder)
    command = ("train", text, *_options(), "--out", stopped.path, "--quiet")
    process = start(*command, folder=folder)
    assert wait_until(lambda: latest_step(stopped) >= 30, process), wait(process).err
    process.send_signal(signal.SIGTERM)
    assert wait(process).code == 143
    return stopped, whole


def _copy(run: RunFolder, folder: Path) -> RunFolder:
    place = folder / "copy"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(run.path, place)
    return RunFolder(place)


def _same_state(path: Path, known: RunFolder) -> bool:
    import json

    return bool(
        json.loads(path.read_bytes())
        == json.loads((known.checkpoint("latest") / path.name).read_bytes())
    )
