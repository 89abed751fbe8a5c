"""`torchrun`, as the tests start it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[3]
# A launch with what it computes takes seconds; one that hangs must not stop all tests.
LONGEST = 100


def torchrun(
    processes: int,
    *command: str | Path,
    folder: Path,
    options: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a program, or `-m attn_cli ...`, in several processes of one host, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone",
         f"--nproc-per-node={processes}", *options, *map(str, command)],
        cwd=folder, capture_output=True, text=True, timeout=LONGEST,
        env={**os.environ, "PYTHONPATH": str(ROOT), "ATTN_CACHE": str(folder / "cache"),
             **(environment or {})},
    )  # fmt: skip
