"""Names that never were: ours and makemore's transformer in turn, on makemore's own split.

For each seed: makemore's script with its defaults for some steps, then ours for a time, each as
a process of its own. The loss is exact: nats per character of all test words, the end of a word
included. Ours never sees the test words; makemore keeps the checkpoint that does best on them.

    python benchmarks/names.py --makemore CHECKOUT --names names.txt --seeds 3
    python benchmarks/names.py --makemore CHECKOUT --names names.txt --steps 0 --minutes 5
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
from dataclasses import dataclass
from pathlib import Path

import seeds

ATTN = (sys.executable, "-m", "attn_cli")
SAMPLES = 1000

# Run inside the folder, with makemore's own code: writes its split, and, where it has been
# trained, says its exact test loss and writes words.
SPLIT = """
import sys, torch, makemore
torch.manual_seed(int(sys.argv[1]))
train, test = makemore.create_datasets("names.txt")
for name, part in (("train", train), ("test", test)):
    open(name + ".txt", "w").write("".join(word + chr(10) for word in part.words))
"""
MEASURE = (
    SPLIT
    + """
from torch.nn import functional as F
sizes = dict(vocab_size=train.get_vocab_size(), block_size=train.get_output_length())
model = makemore.Transformer(makemore.ModelConfig(**sizes))
model.load_state_dict(torch.load("out/model.pt"))
model.eval()
pairs = [test[i] for i in range(len(test))]
inputs, targets = (torch.stack(part) for part in zip(*pairs))
with torch.no_grad():
    logits, _ = model(inputs)
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1)
    start = torch.zeros(int(sys.argv[2]), 1, dtype=torch.long)
    rows = makemore.generate(model, start, sizes['block_size'] - 1, do_sample=True)
words = [train.decode(row) if 0 not in row else train.decode(row[: row.index(0)])
         for row in rows[:, 1:].tolist()]
open("words.txt", "w").write("".join(word + chr(10) for word in words))
print(loss.item())
"""
)


@dataclass(frozen=True)
class Result:
    """What one side came to."""

    loss: float  # nats per character of the test words
    seconds: float  # of the whole training process
    new: float  # share of generated words that stand in neither split
    words: list[str]  # what it generated


def run(folder: Path, *command: str) -> str:
    """What a command prints; its errors end this program."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)[:200]}\n{done.stderr}")
    return done.stdout


def makemore(folder: Path, seed: int, steps: int) -> Result:
    """makemore's transformer, by its script."""
    script = (sys.executable, "makemore.py", "--seed", str(seed), "--max-steps", str(steps))
    begin = time.monotonic()
    run(folder, *script)
    seconds = time.monotonic() - begin
    measured = run(folder, sys.executable, "-c", MEASURE, str(seed), str(SAMPLES))
    words = (folder / "words.txt").read_text(encoding="utf-8").splitlines()
    return Result(float(measured.splitlines()[-1]), seconds, share_new(folder, words), words)


def attn(folder: Path, seed: int, minutes: float, options: list[str]) -> Result:
    """Ours, on the same words."""
    train = ["train", "train.txt", "--lines", "--minutes", str(minutes), "--seed", str(seed)]
    begin = time.monotonic()
    run(folder, *ATTN, *train, "--out", "run", "--quiet", *options)
    seconds = time.monotonic() - begin
    evaluated = json.loads(run(folder, *ATTN, "evaluate", "test.txt", "--run", "run", "--json"))
    write = ["generate", "--run", "run", "--num-samples", str(SAMPLES), "--temperature", "1"]
    words = run(folder, *ATTN, *write, "--seed", str(seed)).splitlines()
    return Result(evaluated["loss"], seconds, share_new(folder, words), words)


def share_new(folder: Path, words: list[str]) -> float:
    """The share of words that are not among the names."""
    known = set((folder / "names.txt").read_text(encoding="utf-8").split())
    return sum(word not in known for word in words) / len(words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--makemore", type=Path, required=True, help="a checkout of makemore")
    parser.add_argument("--names", type=Path, required=True, help="its names.txt")
    parser.add_argument("--steps", type=int, default=2600, help="of makemore; 0: leave it out")
    parser.add_argument("--minutes", type=float, default=1.0, help="of ours")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], help="for ours, KEY=VALUE")
    arguments = parser.parse_args()
    options = [word for setting in arguments.set for word in ("--set", setting)]
    results: dict[str, list[Result]] = {"makemore": [], "attn": []}
    for seed in range(3407, 3407 + arguments.seeds):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            shutil.copy(arguments.makemore / "makemore.py", folder)
            shutil.copy(arguments.names, folder / "names.txt")
            run(folder, sys.executable, "-c", SPLIT, str(seed))
            if arguments.steps:
                results["makemore"].append(makemore(folder, seed, arguments.steps))
            results["attn"].append(attn(folder, seed, arguments.minutes, options))
        for name, found in results.items():
            for result in found[-1:]:
                print(f"{seed}  {name:9} {result.loss:.4f}  {result.seconds:6.1f} s", flush=True)

    measured = {name: found for name, found in results.items() if found}
    losses = {name: [result.loss for result in found] for name, found in measured.items()}
    print(f"\n{'':9}  median s  new     loss: mean ± sd, 95 % interval, range")
    for name, found in measured.items():
        print(
            f"{name:9}  {statistics.median(result.seconds for result in found):8.1f}"
            f"  {statistics.mean(result.new for result in found):6.1%}"
            f"  {seeds.spread(losses[name])}"
        )
    print("", *seeds.differences(losses, paired=True), sep="\n")
    for name, found in measured.items():
        print(f"{name}: {' '.join(found[-1].words[:20])}")


if __name__ == "__main__":
    main()
