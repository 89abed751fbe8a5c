"""From how many characters on is a larger model worth having?

Trains every size of `attn_cli.training.size_recipes` for several lengths of time, on the first
nine tenths of a text's training split, and measures the last tenth of it: the validation
split itself is not looked at. The table of that module is read off the output.

    python benchmarks/sizes.py TEXT --minutes 0.3 1 3
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from attn_cli.training.size_recipes import NGRAM_RECIPE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--minutes", type=float, nargs="+", default=[0.2, 0.5, 1.0, 3.0])
    parser.add_argument("--sizes", type=int, nargs="+", default=range(len(NGRAM_RECIPE.sizes)))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    whole = arguments.text.read_text(encoding="utf-8")
    print("minutes  size        characters   held-out loss")
    with tempfile.TemporaryDirectory() as scratch:
        part = Path(scratch, "part.txt")
        part.write_text(whole[: int(0.9 * len(whole))], encoding="utf-8")
        for minutes in arguments.minutes:
            for size in (NGRAM_RECIPE.sizes[number] for number in arguments.sizes):
                settings = {**size.settings(), **NGRAM_RECIPE.settings}
                settings["train.eval_every"] = 10**9
                settings["data.records"] = "stream"
                command = [sys.executable, "-m", "attn_cli", "train", str(part), "--quiet"]
                command += ["--json", "--minutes", str(minutes), "--config", "tales"]
                command += [f"--set={key}={json.dumps(value)}" for key, value in settings.items()]
                command += [f"--set={setting}" for setting in arguments.set]
                done = subprocess.run(
                    command, cwd=scratch, stdout=subprocess.PIPE, text=True, check=True
                )
                result = json.loads(done.stdout)
                shape = f"{size.n_layer} x {size.n_embd}"
                print(
                    f"{minutes:7g}  {shape:8}  {result['chars']:12,}   {result['val_loss']:.4f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
