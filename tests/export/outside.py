"""Asks the real consumers, each in a process of its own without attn and without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

CONSUMERS = Path(__file__).parent / "consumers"

# Before the consumer's first line: attn_cli cannot be imported, and nothing but this machine
# can be reached.
_GUARD = """
import runpy, socket, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "attn_cli":
            raise ModuleNotFoundError(name)

def guarded(connect):
    def connecting(self, address, *rest):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] != "127.0.0.1":
            raise OSError(f"the network is off: {address}")
        return connect(self, address, *rest)
    return connecting

sys.meta_path.insert(0, Blocker())
socket.socket.connect = guarded(socket.socket.connect)
socket.socket.connect_ex = guarded(socket.socket.connect_ex)
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def ask(consumer: str, request: Any) -> Any:
    """What `consumers/NAME.py` answers: JSON in on standard input, JSON out on the last line."""
    with tempfile.TemporaryDirectory() as modules:  # where transformers copy a model's own code
        environment = os.environ | {
            "HF_HUB_OFFLINE": "1",
            "HF_MODULES_CACHE": modules,
            "TOKENIZERS_PARALLELISM": "false",
            "OMP_NUM_THREADS": "1",
        }
        done = subprocess.run(
            [sys.executable, "-I", "-c", _GUARD, str(CONSUMERS / f"{consumer}.py")],
            input=json.dumps(request),
            capture_output=True,
            encoding="utf-8",
            env=environment,
        )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.strip().rpartition("\n")[2])
