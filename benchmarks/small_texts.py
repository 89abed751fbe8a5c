"""Small texts: what half a minute makes of each, beside a compressor and the letters' frequencies.

Each text's last tenth is the validation split, exact, in bits per character. PPMd (order 6)
is what it takes for the last tenth after the first nine; it learns while it reads.
The longest copy is the longest run of a sample at temperature 0.8 that stands in the text.

    python benchmarks/small_texts.py notes.txt poems.txt --seeds 3
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from attn_cli.text.baselines import text_baselines
from attn_cli.text.corpus import load_corpus

ATTN = (sys.executable, "-m", "attn_cli")
FOREIGN = 0.05  # share of characters outside ASCII from which the text brings its own vocabulary


def attn(folder: Path, *command: str) -> dict[str, object]:
    """What a command of ours says with --json."""
    done = subprocess.run(
        [*ATTN, *command, "--json"], cwd=folder, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)


def measure(path: Path, minutes: float, seed: int, kind: str) -> tuple[float, int]:
    """Bits a character of a run, and the longest copy in what it writes."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        train = ["train", str(path), "--minutes", str(minutes), "--seed", str(seed)]
        run = attn(folder, *train, "--quiet", "--out", "run", "--set", f"data.tokenizer={kind}")
        write = ["generate", "--run", "run", "--temperature", "0.8", "--seed", str(seed)]
        written = attn(folder, *write, "--max-new-chars", "1000", "--check-copy")
        copy = written["samples"][0]["copy"]
        return run["val_bits_per_char"], copy["length"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=0.5)
    arguments = parser.parse_args()
    print(f"{'text':16} {'chars':>8}  {'single':>6}  {'PPMd':>6}  {'attn':>6}  spread      copy")
    for path in map(Path.resolve, arguments.texts):
        text = path.read_text(encoding="utf-8")
        foreign = sum(ord(character) > 127 for character in text) > FOREIGN * len(text)
        kind = "corpus" if foreign else "printable"
        corpus = load_corpus([str(path)], kind)
        beside = text_baselines(corpus.tokenizer, corpus.train, corpus.validation)
        seeds = range(1337, 1337 + arguments.seeds)
        runs = [measure(path, arguments.minutes, seed, kind) for seed in seeds]
        bits, copies = zip(*runs, strict=True)
        print(
            f"{path.stem:16} {len(text):8,}  {beside.single_characters:6.2f}  "
            f"{beside.ppmd:6.2f}  "
            f"{statistics.mean(bits):6.2f}  {min(bits):.2f}..{max(bits):.2f}  {max(copies):4}",
            flush=True,
        )


if __name__ == "__main__":
    main()
