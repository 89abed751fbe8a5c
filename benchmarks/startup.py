"""How long until something happens: whole processes, the shortest of several.

python benchmarks/startup.py --text my.txt
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def shortest(command: list[str], times: int) -> float:
    """Seconds of the fastest of several processes: what else the machine does only adds."""
    took = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as scratch:
            begin = time.monotonic()
            subprocess.run(command, cwd=scratch, capture_output=True, check=True)
            took.append(time.monotonic() - begin)
    return min(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    attn = [sys.executable, "-m", "attn_cli"]
    train = [*attn, "train", str(arguments.text.resolve()), "--config", "shakespeare-5s"]
    for name, command in (
        ("python -c pass", [sys.executable, "-c", "pass"]),
        ("attn --help", [*attn, "--help"]),
        ("python -c 'import torch'", [sys.executable, "-c", "import torch"]),
        ("attn inspect-shapes", [*attn, "inspect-shapes", "--config", "lesson"]),
        ("attn train, one step and all around it", [*train, "--steps", "1", "--out", "run"]),
    ):
        print(f"{shortest(command, arguments.times):6.2f} s  {name}", flush=True)


if __name__ == "__main__":
    main()
