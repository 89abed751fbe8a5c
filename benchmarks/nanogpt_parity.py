"""Does `configs/nanogpt-cpu.yaml` reach the loss of the recipe that it is a copy of?

Runs nanoGPT's own train.py with its CPU recipe, and ours, in turn, for several seeds,
and measures both by the same exact loss: the validation split in consecutive windows,
every character but the first predicted once.

    python benchmarks/nanogpt_parity.py --nanogpt CHECKOUT --text tinyshakespeare.txt --seeds 3
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import nanogpt
import seeds


def attn(text: Path, seed: int) -> tuple[float, float]:
    """The same of ours."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "attn_cli", "train", str(text), "--config", "nanogpt-cpu"]
        options = ["--seed", str(seed), "--out", "run", "--json", "--quiet"]
        begin = time.monotonic()
        result = json.loads(nanogpt.run([*command, *options], Path(scratch)))
        return result["val_loss"], time.monotonic() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nanogpt", type=Path, required=True, help="a checkout of nanoGPT")
    parser.add_argument("--text", type=Path, required=True, help="tiny Shakespeare")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    checkout, text = arguments.nanogpt.resolve(), arguments.text.resolve()
    rows = []
    print("seed   nanoGPT loss  seconds   attn loss  seconds")
    for seed in range(1337, 1337 + arguments.seeds):
        theirs = nanogpt.train(checkout, text, seed)
        row = (theirs.loss, theirs.seconds, *attn(text, seed))
        print("{}   {:.4f}        {:6.1f}    {:.4f}     {:6.1f}".format(seed, *row), flush=True)
        rows.append(row)
    their_losses, their_seconds, our_losses, our_seconds = zip(*rows, strict=True)
    losses = {"nanoGPT": their_losses, "attn": our_losses}
    for name, values in losses.items():
        print(f"{name:7}  {seeds.spread(values)}")
    print(*seeds.differences(losses, paired=False))
    ratio = statistics.median(their_seconds) / statistics.median(our_seconds)
    print(f"median seconds, nanoGPT / attn: {ratio:.2f}")


if __name__ == "__main__":
    main()
