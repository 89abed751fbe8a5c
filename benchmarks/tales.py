"""How many of the default model's tales are consistent: names, animals and things are kept.

Each seed trains the default run, samples tales from it and judges them as
`data/make_tales.py check` does.

    python benchmarks/tales.py --seeds 3
    python benchmarks/tales.py --set train.steps=800
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import seeds

CHECKER = Path(__file__).parents[1] / "data" / "make_tales.py"


def attn(*arguments: str) -> str:
    """What a command of ours prints."""
    command = [sys.executable, "-m", "attn_cli", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tales", type=int, default=200, help="sampled from each run")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    settings = [f"--set={each}" for each in arguments.set]
    bits, consistent = [], []
    print(
        "| seed | seconds | bits | sentences of the grammar | consistent | tales of the grammar |"
    )
    print("|---|---|---|---|---|---|")
    for seed in range(1337, 1337 + arguments.seeds):
        with tempfile.TemporaryDirectory() as scratch:
            run, tales = Path(scratch, "run"), Path(scratch, "tales.txt")
            begin = time.perf_counter()
            trained = attn(
                "train", f"--seed={seed}", f"--out={run}", "--quiet", "--json", *settings
            )
            seconds = time.perf_counter() - begin
            tales.write_text(
                attn("generate", f"--run={run}", f"--num-samples={arguments.tales}", "--seed=1")
            )
            judged = [sys.executable, str(CHECKER), "check", "--json", str(tales)]
            report = json.loads(subprocess.check_output(judged))
        shares = report["shares"]
        bits.append(json.loads(trained)["val_bits_per_char"])
        consistent.append(shares["consistent_tales"])
        print(
            f"| {seed} | {seconds:.0f} | {bits[-1]:.3f} | {shares['derived_sentences']:.1%} "
            f"| {consistent[-1]:.1%} of {report['tales']} | {shares['derived_tales']:.1%} |",
            flush=True,
        )
    if arguments.seeds > 1:
        print("\nmean ± sd, 95 % interval, range")
        print(f"bits        {seeds.spread(bits, '.3f')}")
        print(f"consistent  {seeds.spread(consistent, '.1%')}")


if __name__ == "__main__":
    main()
