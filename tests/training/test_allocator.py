"""Memory that was freed is used again without asking the system for it."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, torch
from attn_cli.training.allocator import disable_malloc_trim
disable_malloc_trim()
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
    import resource  # POSIX has it

    command = [sys.executable, "-c", SCRIPT]
    asked = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    # Without it, all 50 blocks of 4 MB are asked for again, in most processes; with it, one
    # at most, where what lies between the blocks has moved.
    assert asked < 0.1 * 50 * 4_000_000 / resource.getpagesize()
