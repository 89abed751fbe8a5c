"""How long whole processes take, from nothing to 200 characters: the --cold of generation.py."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import nanogpt


def cold(run: Path, checkout: Path | None, times: int) -> dict[str, list[float]]:
    """Seconds of whole processes, in turn; prints their medians."""
    python, here = [sys.executable], Path.cwd()
    generate = [*python, "-m", "attn_cli", "generate", "Hello", "--max-new-chars", "200"]
    commands = {
        "python -c 'import torch'": ([*python, "-c", "import torch"], here),
        "attn generate Hello --max-new-chars 200": ([*generate, "--run", str(run)], here),
    }
    if checkout is not None:
        commands["import of nanoGPT's model, nothing else"] = (
            [*python, "-c", "import model"],
            checkout,
        )
    took: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(times):
        for name, (command, folder) in commands.items():
            begin = time.perf_counter()
            nanogpt.run(command, folder)
            took[name].append(time.perf_counter() - begin)
    medians = {name: statistics.median(seconds) for name, seconds in took.items()}
    torch_alone = next(iter(medians.values()))
    print("| process | seconds | of torch's import |\n|---|---|---|")
    for name, seconds in medians.items():
        print(f"| {name} | {seconds:.2f} | {seconds / torch_alone:.2f} x |")
    return took
