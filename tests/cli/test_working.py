"""What a command says while it computes: at a real pseudo-terminal, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.conftest import Trained

AT_ONCE = """
import sys
from attn_cli.cli import working
working.DELAY = 0.0
"""
WAITS = """
from attn_cli.cli.terminal import notice
with working.working("counting sheep"):
    notice("a notice")
    input()
print("done")
"""
RUNS = """
from attn_cli.__main__ import main
sys.exit(main())
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")


def test_a_line_that_is_gone_in_the_end(tmp_path: Path) -> None:
    waiting = Terminal(tmp_path, program=(sys.executable, "-c", AT_ONCE + WAITS))
    waiting.until("counting sheep ... 00:0")
    # The notice comes where the line was, not behind it.
    assert "\ra notice\n" in waiting.until("a notice\n") + "a notice\n"
    waiting.type("\n")
    left = waiting.rest()
    assert left.rpartition("\r")[2] == "done\n"
    assert waiting.code() == 0
    waiting.close()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("inspect-heads", "--chars", "200"), "measuring heads"),
        (("evaluate",), "measuring"),
        (("explain", "The", "--step", "2"), "computing the lesson"),
    ],
)
def test_a_slow_command(
    trained: Trained, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    told = (*arguments, "--run", str(trained.run.path.resolve()))
    command = (sys.executable, "-c", AT_ONCE + RUNS)
    terminal = Terminal(tmp_path, *told, program=command)
    terminal.until(says)
    terminal.rest()
    assert terminal.code() == 0
    terminal.close()
    piped = subprocess.run([*command, *told, "--json"], capture_output=True, text=True, check=True)
    assert says not in piped.stderr
    assert says not in piped.stdout
