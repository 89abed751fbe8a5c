"""What loss can be expected of a text, by its baselines and how much of it is trained on?

Measures runs of `attn train TEXT --minutes M` on the training split of texts, and fits the
formula of `attn_cli/training/expected_loss.py`, whose numbers are read off the output:

    python benchmarks/expected_loss.py measure TEXT... --minutes 0.3 0.8 >> expected_loss.jsonl
    python benchmarks/expected_loss.py fit expected_loss.jsonl

The last tenth of each training split is what the loss is measured on: the validation split
itself is not looked at. The spread is that of texts which the fit has not seen: each is left
out in turn.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from attn_cli.text.baselines import text_baselines
from attn_cli.text.corpus import load_corpus


def measure(path: Path, minutes: float) -> dict[str, Any]:
    """A run, and what was known of its text before."""
    whole = path.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        part = Path(scratch, "part.txt")
        part.write_text(whole[: int(0.9 * len(whole))], encoding="utf-8")
        corpus = load_corpus([str(part)], "auto")
        baselines = text_baselines(corpus.tokenizer, corpus.train, corpus.validation)
        command = [sys.executable, "-m", "attn_cli", "train", str(part), "--quiet", "--json"]
        command += ["--minutes", str(minutes)]
        done = subprocess.run(command, cwd=scratch, stdout=subprocess.PIPE, text=True, check=True)
    run = json.loads(done.stdout)
    return {
        "text": path.stem,
        "minutes": minutes,
        "seconds": run["seconds"],
        "trained": run["chars"],
        "train": len(corpus.train),
        "bits": run["val_bits_per_char"],
        **asdict(baselines),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure")
    measuring.add_argument("texts", type=Path, nargs="+")
    measuring.add_argument("--minutes", type=float, nargs="+", default=[0.3, 0.8])
    arguments = parser.parse_args()
    for path in arguments.texts:
        for minutes in arguments.minutes:
            row = measure(path, minutes)
            print(json.dumps(row), flush=True)
            if row["seconds"] < 0.9 * 60 * minutes:
                break  # it ended by itself, and would again


if __name__ == "__main__":
    main()
