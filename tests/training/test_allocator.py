"""Memory that was freed is used again without asking the system for it."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys, torch
from attn_cli.training.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def work():
    # As in a step: much is kept for the backward pass, and then all of it is freed.
    kept = [torch.ones(1_000_000) for _ in range(50)]
work()
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that is told so")
def test_pages_are_not_asked_for_again() -> None:
    def page_faults(how: str) -> int:
        command = [sys.executable, "-c", SCRIPT, how]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    # The fewest of three: where the system lays the heap out differs from process to process,
    # and once in a while leaves it no room to grow.
    assert min(page_faults("keep") for _ in range(3)) < 0.1 * page_faults("leave")
