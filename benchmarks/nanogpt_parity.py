"""Does `configs/nanogpt-cpu.yaml` reach the loss of the recipe that it is a copy of?

Runs nanoGPT's own train.py with its CPU recipe, and ours, in turn, for several seeds,
and measures both by the same exact loss: the validation split in consecutive windows,
every character but the first predicted once.

    python benchmarks/nanogpt_parity.py --nanogpt CHECKOUT --text tinyshakespeare.txt --seeds 3
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RECIPE = (
    "config/train_shakespeare_char.py --device=cpu --compile=False --eval_iters=20"
    " --log_interval=500 --block_size=64 --batch_size=12 --n_layer=4 --n_head=4 --n_embd=128"
    " --max_iters=2000 --lr_decay_iters=2000 --dropout=0.0 --out_dir=out"
)

# Runs inside the checkout, with nanoGPT's own model. The file is nanoGPT's, made a moment
# ago by nanoGPT on this machine, and its format is torch's pickle: there is no other way in.
MEASURE = """
import torch, numpy as np
from torch.nn import functional as F
from model import GPT, GPTConfig
saved = torch.load("out/ckpt.pt", map_location="cpu")
model = GPT(GPTConfig(**saved["model_args"]))
model.load_state_dict(saved["model"])
model.eval()
ids = np.fromfile("data/shakespeare_char/val.bin", dtype=np.uint16)
ids = torch.from_numpy(ids.astype(np.int64))
T, total = 64, 0.0
with torch.no_grad():
    for start in range(0, len(ids) - 1, T):
        window = ids[start : start + T + 1]
        logits, _ = model(window[None, :-1], window[None, 1:])
        total += F.cross_entropy(logits[0], window[1:], reduction="sum").item()
print(total / (len(ids) - 1))
"""


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def nanogpt(checkout: Path, text: Path, seed: int) -> tuple[float, float]:
    """The exact loss of nanoGPT's recipe under a seed, and its seconds as a whole process."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "nanogpt")
        shutil.copytree(checkout, folder, ignore=shutil.ignore_patterns(".git"))
        shutil.copy(text, folder / "data" / "shakespeare_char" / "input.txt")
        run([sys.executable, "data/shakespeare_char/prepare.py"], folder)
        script = folder / "train.py"
        fixed = "torch.manual_seed(1337 + seed_offset)"
        source = script.read_text()
        assert fixed in source, "this train.py has its seed elsewhere"
        script.write_text(source.replace(fixed, f"torch.manual_seed({seed})"))
        begin = time.monotonic()
        run([sys.executable, "train.py", *RECIPE.split()], folder)
        seconds = time.monotonic() - begin
        # The last line is ours; nanoGPT prints some of its own before it.
        return float(run([sys.executable, "-c", MEASURE], folder).splitlines()[-1]), seconds


def attn(text: Path, seed: int) -> tuple[float, float]:
    """The same of ours."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "attn_cli", "train", str(text), "--config", "nanogpt-cpu"]
        options = ["--seed", str(seed), "--out", "run", "--json", "--quiet"]
        begin = time.monotonic()
        result = json.loads(run([*command, *options], Path(scratch)))
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
        row = (*nanogpt(checkout, text, seed), *attn(text, seed))
        print("{}   {:.4f}        {:6.1f}    {:.4f}     {:6.1f}".format(seed, *row), flush=True)
        rows.append(row)
    theirs, their_seconds, ours, our_seconds = zip(*rows, strict=True)
    print(f"mean   {statistics.mean(theirs):.4f}                  {statistics.mean(ours):.4f}")
    print(f"spread {min(theirs):.4f}..{max(theirs):.4f}          {min(ours):.4f}..{max(ours):.4f}")
    ratio = statistics.median(their_seconds) / statistics.median(our_seconds)
    print(f"median seconds, nanoGPT / attn: {ratio:.2f}")


if __name__ == "__main__":
    main()
