"""Wall time of whole processes to an exact validation loss, ours and nanoGPT's in turn.

For each seed: nanoGPT's recipe for a CPU, then our presets, each as a process of its own,
from its start to its end, in which it has measured and saved its exact loss.

    python benchmarks/time_to_loss.py --nanogpt CHECKOUT --text tinyshakespeare.txt --seeds 3
    python benchmarks/time_to_loss.py --text tinyshakespeare.txt --only shakespeare --seeds 3
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import nanogpt
import seeds

FP32 = ("--set", "train.precision=fp32")
OURS: dict[str, tuple[str, ...]] = {
    "shakespeare-5s": ("--config", "shakespeare-5s"),
    "shakespeare-5s, fp32": ("--config", "shakespeare-5s", *FP32),
    "shakespeare-1min": ("--config", "shakespeare-1min"),
    "shakespeare": ("--config", "shakespeare"),
    "best": ("--config", "best"),
    "--minutes 0.1": ("--minutes", "0.1"),
    "--minutes 0.5": ("--minutes", "0.5"),
    "--minutes 1": ("--minutes", "1"),
    "--minutes 2": ("--minutes", "2"),
}


def attn(text: Path, options: tuple[str, ...], seed: int) -> tuple[float, float]:
    """Exact loss in nats and seconds of a run of ours."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "attn_cli", "train", str(text), *options]
        begin = time.monotonic()
        out = subprocess.run(
            [*command, "--seed", str(seed), "--out", "run", "--json", "--quiet"],
            cwd=scratch,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        return json.loads(out)["val_loss"], time.monotonic() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nanogpt", type=Path, help="a checkout of nanoGPT")
    parser.add_argument("--text", type=Path, required=True, help="tiny Shakespeare")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", action="append", choices=OURS, help="may be repeated")
    arguments = parser.parse_args()
    text = arguments.text.resolve()
    results: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for seed in range(1337, 1337 + arguments.seeds):
        if arguments.nanogpt:
            theirs = nanogpt.train(arguments.nanogpt.resolve(), text, seed)
            results["nanoGPT, its CPU recipe"].append((theirs.loss, theirs.seconds))
        for name in arguments.only or OURS:
            results[name].append(attn(text, OURS[name], seed))
        for name, runs in results.items():
            print(f"{seed}  {name:24} {runs[-1][0]:.4f}  {runs[-1][1]:7.1f} s", flush=True)

    print(f"\n{'':24}  median s  loss: mean ± sd, 95 % interval, range")
    losses = {name: [loss for loss, _ in runs] for name, runs in results.items()}
    for name, runs in results.items():
        median = statistics.median(seconds for _, seconds in runs)
        print(f"{name:24}  {median:8.1f}  {seeds.spread(losses[name])}")
    if arguments.nanogpt:
        print("", *seeds.differences(losses, paired=False), sep="\n")


if __name__ == "__main__":
    main()
