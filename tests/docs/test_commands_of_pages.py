"""The commands of the documentation's pages, run in order as a reader would, on shorter runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import NAMES, VERSE

ROOT = Path(__file__).parents[2]
OTHER_TESTS = {"how-to/add-your-own-block.md", "how-to/compare-settings.md"}  # run theirs
PAGES = {
    path.relative_to(ROOT / "docs").as_posix(): commands
    for path in sorted((ROOT / "docs").rglob("*.md"))
    if (commands := re.findall(r"^```sh\n(.*?)^```$", path.read_text("utf-8"), re.M | re.S))
}


def shortened(command: str) -> str:
    """The command for a run of a few steps: minutes are for readers."""
    command = re.sub(r"--minutes [0-9.]+", "--steps 4", command)
    command = re.sub(r"--steps (?!4\b)[0-9]{2,}", "--steps 8", command)
    trains = re.search(r"^(.* )?attn train", command)
    if trains and not re.search("--steps|--resume", command):
        command = command.replace("attn train", "attn train --steps 4", 1)
    return command.replace("--num-samples 200", "--num-samples 5")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="the pages' lines are for a POSIX shell")
@pytest.mark.parametrize("page", sorted(set(PAGES) - OTHER_TESTS))
def test_the_commands_of_a_page_run(page: str, tmp_path: Path) -> None:
    (tmp_path / "my.txt").write_text(VERSE * 40, encoding="utf-8")
    (tmp_path / "other.txt").write_text("In Hertford it hardly ever happens.\n" * 60)
    (tmp_path / "names.txt").write_text("".join(NAMES), encoding="utf-8")
    shutil.copytree(ROOT / "data", tmp_path / "data")
    lines = [line for block in PAGES[page] for line in block.splitlines()]
    if not any(line.startswith("attn train") for line in lines):
        lines.insert(0, "attn train")  # the run that a reader of the page has
    script = [
        "set -e",
        f'attn() {{ "{sys.executable}" -m attn_cli "$@"; }}',
        f'python() {{ "{sys.executable}" "$@"; }}',
        f'torchrun() {{ "{sys.executable}" -m torch.distributed.run "$@"; }}',
        *map(shortened, lines),
    ]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=tmp_path, env=os.environ | {"NO_COLOR": "1"}, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_other_tests_run_the_other_pages() -> None:
    assert set(PAGES) >= OTHER_TESTS
