"""nanoGPT, for the other side of a comparison: its own train.py and model, from a checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

# README of nanoGPT, "quick start", the command for a CPU.
CPU_RECIPE = (
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

# Steps of its baby GPT, as its train.py does them on a CPU: fp32, fused AdamW, one piece.
STEPS = """
import sys, time, torch
from model import GPT, GPTConfig
torch.manual_seed(0)
batch, steps, dropout = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
config = dict(n_layer=6, n_head=6, n_embd=384, block_size=256, bias=False, vocab_size=65)
model = GPT(GPTConfig(**config, dropout=dropout))
optimizer = model.configure_optimizers(0.1, 1e-3, (0.9, 0.99), "cpu")
x = torch.randint(65, (batch, 256))
for _ in range(steps):
    begin = time.perf_counter()
    _, loss = model(x, x)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    print("seconds", time.perf_counter() - begin)
"""


@dataclass(frozen=True)
class Trained:
    """What nanoGPT's recipe came to: exact loss in nats, seconds of the whole process."""

    loss: float
    seconds: float


def train(checkout: Path, text: Path, seed: int, steps: int = 2000) -> Trained:
    """nanoGPT's CPU recipe on a text, under a seed; its schedule ends with its last step."""
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
        run([sys.executable, "train.py", *CPU_RECIPE.replace("2000", str(steps)).split()], folder)
        seconds = time.monotonic() - begin
        # The last line is ours; nanoGPT prints some of its own before it.
        loss = float(run([sys.executable, "-c", MEASURE], folder).splitlines()[-1])
        return Trained(loss, seconds)


def baby_step_seconds(checkout: Path, batch: int, steps: int, dropout: float) -> list[float]:
    """Seconds of each of some steps of its baby GPT, forward, backward and optimizer."""
    out = run([sys.executable, "-c", STEPS, str(batch), str(steps), str(dropout)], checkout)
    return [float(line.split()[1]) for line in out.splitlines() if line.startswith("seconds")]


def run(command: list[str], folder: Path) -> str:
    """What a command prints; its errors end this program."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout
