"""Any texts: what so many minutes make of each, beside compressors and nanoGPT in one minute.

Each text's last tenth is the validation split, exact, in bits per character. PPMd (order 6)
and zpaq -m5 are what they take for the last tenth after the first nine; they learn while they
read, and so does the model where it says "dynamic". nanoGPT has its recipe for a CPU, with as
many steps as it does in a minute here.
The longest copy is the longest run of a sample at temperature 0.8 that stands in the text.

    python benchmarks/texts.py notes.txt poems.txt --seeds 3
    python benchmarks/texts.py *.txt --minutes 1 2 10 --nanogpt CHECKOUT --zpaq
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nanogpt

from attn_cli.text.baselines import text_baselines
from attn_cli.text.corpus import load_corpus

ATTN = (sys.executable, "-m", "attn_cli")


def attn(folder: Path, *command: str) -> dict[str, object]:
    """What a command of ours says with --json."""
    done = subprocess.run(
        [*ATTN, *command, "--json"], cwd=folder, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)


def measure(path: Path, minutes: float, seed: int) -> dict[str, float]:
    """A run: bits a character, also where it learns as it reads, seconds, and the longest copy."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        train = ["train", str(path), "--minutes", str(minutes), "--seed", str(seed)]
        run = attn(folder, *train, "--quiet", "--out", "run")
        began = time.monotonic()
        dynamic = attn(folder, "evaluate", "--run", "run", "--dynamic")
        dynamic_seconds = time.monotonic() - began
        write = ["generate", "--run", "run", "--temperature", "0.8", "--seed", str(seed)]
        written = attn(folder, *write, "--max-new-chars", "1000", "--check-copy")
        copy = written["samples"][0]["copy"]
        return {
            "bits": run["val_bits_per_char"],
            "seconds": run["seconds"],
            "dynamic": dynamic["bits_per_char"],
            "dynamic s": dynamic_seconds,
            "parameters": run["parameters"],
            "chars": run["chars"],
            "copy": copy["length"],
        }


def zpaq_bits(text: str) -> float:
    """Bits a character that zpaq -m5 takes for the last tenth of a text after the rest."""

    def size(part: str) -> int:
        with tempfile.TemporaryDirectory() as scratch:
            Path(scratch, "part").write_text(part, encoding="utf-8")
            command = ["zpaq", "add", "a.zpaq", "part", "-m5"]
            subprocess.run(command, cwd=scratch, check=True, capture_output=True)
            return Path(scratch, "a.zpaq").stat().st_size

    cut = int(0.9 * len(text))
    return 8 * (size(text) - size(text[:cut])) / (len(text) - cut)


def beside(path: Path, arguments: argparse.Namespace) -> dict[str, float]:
    """What others make of a text, bits a character by name."""
    text = path.read_text(encoding="utf-8")
    corpus = load_corpus([str(path)], "auto")
    baselines = text_baselines(corpus.tokenizer, corpus.train, corpus.validation)
    others = {"single": baselines.single_characters, "PPMd": baselines.ppmd}
    if arguments.zpaq:
        others["zpaq"] = zpaq_bits(text)
    if arguments.nanogpt:
        trained = nanogpt.train(arguments.nanogpt, path, 1337, steps=arguments.nanogpt_steps)
        others["nanoGPT"] = trained.loss / math.log(2)
        others["nanoGPT s"] = trained.seconds
    return others


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--minutes", type=float, nargs="*", default=[0.5])
    parser.add_argument("--nanogpt", type=Path, help="a checkout of it")
    parser.add_argument("--nanogpt-steps", type=int, default=1530, help="what a minute allows")
    parser.add_argument("--zpaq", action="store_true", help="needs the program")
    arguments = parser.parse_args()
    for path in map(Path.resolve, arguments.texts):
        others = beside(path, arguments)
        print(path.stem, " ".join(f"{name} {bits:.3f}" for name, bits in others.items()))
        for minutes in arguments.minutes:
            for seed in range(1337, 1337 + arguments.seeds):
                run = measure(path, minutes, seed)
                told = " ".join(f"{name} {value:,.4g}" for name, value in run.items())
                print(f"  {minutes:g} min, seed {seed}: {told}", flush=True)


if __name__ == "__main__":
    main()
