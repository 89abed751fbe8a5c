"""What loss can be expected of a text, by its baselines and how much of it is trained on?

Measures runs of `attn train TEXT --minutes M` on the training split of texts, and fits the
formula of `attn_cli/training/expected_loss.py`, whose numbers are read off the output:

    python benchmarks/expected_loss.py measure TEXT... --minutes 0.3 0.8 >> rows.jsonl
    python benchmarks/expected_loss.py fit benchmarks/expected_loss.jsonl --without tales names

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

import numpy as np

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


def fit(rows: list[dict[str, Any]]) -> None:
    """Prints the best coefficients for each exponent, and how far texts that were left out are.

    A text counts once, however many runs it has; errors are fractions of the measured bits.
    """
    texts = [row["text"] for row in rows]
    weights = np.array([texts.count(text) ** -0.5 for text in texts])
    bits = np.array([row["bits"] for row in rows])
    for exponent in (0.2, 0.3, 0.4, 0.5, 0.6):
        more = [(row["trained"] / 1e5) ** -exponent for row in rows]
        terms = np.array(
            [
                (row["ppmd"], less, less * (row["five_gram"] - row["ppmd"]))
                for row, less in zip(rows, more, strict=True)
            ]
        )
        terms /= bits[:, None]  # (runs, 3); the best sum is 1

        def solve(known: Any, terms: Any = terms) -> Any:
            weighted = terms[known] * weights[known, None]
            return np.linalg.lstsq(weighted, weights[known], rcond=None)[0]

        errors = {}
        for text in dict.fromkeys(texts):
            own = np.array([each == text for each in texts])
            errors[text] = terms[own] @ solve(~own) - 1
        rms = np.sqrt(np.mean([np.mean(each**2) for each in errors.values()]))
        print(f"exponent {exponent}: {np.round(solve(bits > 0), 3)}, left out: rms {rms:.3f}")
        for text, each in errors.items():
            print(f"  {text:12} {np.round(each, 2)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure")
    measuring.add_argument("texts", type=Path, nargs="+")
    measuring.add_argument("--minutes", type=float, nargs="+", default=[0.3, 0.8])
    fitting = commands.add_parser("fit")
    fitting.add_argument("rows", type=Path)
    fitting.add_argument("--without", nargs="*", default=[], metavar="TEXT")
    arguments = parser.parse_args()
    if arguments.command == "fit":
        lines = arguments.rows.read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        fit([row for row in rows if row["text"] not in arguments.without])
        return
    for path in arguments.texts:
        for minutes in arguments.minutes:
            row = measure(path, minutes)
            print(json.dumps(row), flush=True)
            if row["seconds"] < 0.9 * 60 * minutes:
                break  # it ended by itself, and would again


if __name__ == "__main__":
    main()
