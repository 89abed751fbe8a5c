"""Limits of processors × presets × other work on the cores: what the speed is where people are.

A usual laptop's processor has AVX2 and no instructions for bf16; environment variables hold
this machine's libraries to that. Each row is whole processes, ours and nanoGPT's recipe for a
CPU in turn under the same limits; then the default model's speed beside busy processes, with
threads as they are chosen and with fixed numbers.

    python benchmarks/machines.py --nanogpt CHECKOUT --text tinyshakespeare.txt --seeds 3
    python benchmarks/machines.py --text tinyshakespeare.txt --only load
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import nanogpt
import seeds

LIMITS: dict[str, dict[str, str]] = {
    "as it is": {},
    "AVX-512, no bf16": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "AVX2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    },
}
ATTN = (sys.executable, "-m", "attn_cli")
PRESETS = ("shakespeare-5s", "tales")
THEIRS = "nanoGPT, its CPU recipe"
BUSY = "while True: sum(i * i for i in range(10_000))"
THREADS = ("auto", "1", str(os.cpu_count()))
LOADS = (0, 1, 2)


def attn(*options: str) -> dict[str, float]:
    """What a run says of itself, and the seconds of its whole process."""
    with tempfile.TemporaryDirectory() as scratch:
        begin = time.monotonic()
        out = subprocess.run(
            [
                sys.executable,
                "-m",
                "attn_cli",
                "train",
                *options,
                "--out",
                "run",
                "--json",
                "--quiet",
            ],
            cwd=scratch,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        return {**json.loads(out), "seconds": time.monotonic() - begin}


def presets(arguments: argparse.Namespace) -> None:
    """Seconds and losses of the presets and of nanoGPT under each limit."""
    text = arguments.text.resolve()
    for name in arguments.limit or LIMITS:
        results: dict[str, list[tuple[float, float]]] = defaultdict(list)
        with patch.dict(os.environ, LIMITS[name]):
            for seed in range(1337, 1337 + arguments.seeds):
                if arguments.nanogpt:
                    theirs = nanogpt.train(arguments.nanogpt.resolve(), text, seed)
                    results[THEIRS].append((theirs.loss, theirs.seconds))
                for preset in arguments.preset or PRESETS:
                    source = [] if preset == "tales" else [str(text)]
                    ours = attn(*source, "--config", preset, "--seed", str(seed))
                    results[preset].append((ours["val_loss"], ours["seconds"]))
        print(f"\n{name:24}  median s  of nanoGPT's  loss: mean ± sd, 95 % interval, range")
        for row, runs in results.items():
            losses, seconds = zip(*runs, strict=True)
            median = statistics.median(seconds)
            ratio = ""
            if THEIRS in results and row != "tales":
                ratio = f"{median / statistics.median(s for _, s in results[THEIRS]):.2f}"
            print(f"{row:24}  {median:8.1f}  {ratio:>12}  {seeds.spread(losses)}", flush=True)


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """Context manager: so many processes compute beside what is measured."""
    running = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def load(arguments: argparse.Namespace) -> None:
    """Characters a second of the default model beside other work, by threads, in turn."""
    minutes = str(arguments.minutes)
    print(f"\ncharacters a second, medians of {arguments.seeds}")
    print("busy processes   " + "".join(f"{threads:>10}" for threads in THREADS) + "   auto / best")
    for processes in LOADS:
        speeds: dict[str, list[float]] = defaultdict(list)
        for _ in range(arguments.seeds):
            for threads in THREADS:
                with busy(processes):
                    run = attn("--minutes", minutes, "--set", f"train.threads={threads}")
                speeds[threads].append(run["chars"] / run["seconds"])
        medians = {threads: statistics.median(each) for threads, each in speeds.items()}
        best = max(speed for threads, speed in medians.items() if threads != "auto")
        print(
            f"{processes:14}   "
            + "".join(f"{medians[threads]:10,.0f}" for threads in THREADS)
            + f"{medians['auto'] / best:14.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nanogpt", type=Path, help="a checkout of nanoGPT")
    parser.add_argument("--text", type=Path, required=True, help="tiny Shakespeare")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=0.4, help="of each run beside other work")
    parser.add_argument("--only", choices=("presets", "load"))
    parser.add_argument("--limit", action="append", choices=LIMITS)
    parser.add_argument("--preset", action="append", choices=PRESETS)
    arguments = parser.parse_args()
    if arguments.only != "load":
        presets(arguments)
    if arguments.only != "presets":
        load(arguments)


if __name__ == "__main__":
    main()
