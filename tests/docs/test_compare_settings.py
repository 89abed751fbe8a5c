"""docs/how-to/compare-settings.md: its commands run, on shorter runs, and print what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "compare-settings.md").read_text(
    encoding="utf-8"
)
_, _, _AFTER = PAGE.partition("## Is B better than A?")
SECTION = _AFTER.partition("\n## ")[0]
COMMANDS = "\n".join(re.findall(r"^```sh\n(.*?)^```$", SECTION, flags=re.MULTILINE | re.DOTALL))
SHOWN = re.findall(r"^```text\n(.*?)^```$", SECTION, flags=re.MULTILINE | re.DOTALL)


def without_numbers(text: str) -> str:
    """The words of what was printed, whatever the runs came to."""
    return " ".join(re.sub(r"[+−-]?[0-9][0-9,.]*", "#", text).split())


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="the page's lines are for a POSIX shell")
def test_the_commands_run(tmp_path: Path) -> None:
    script = f'set -e\nattn() {{ "{sys.executable}" -m attn_cli "$@"; }}\n'
    script += COMMANDS.replace("--steps 60", "--steps 20").replace("1,2,3", "1,2")
    environment = os.environ | {"NO_COLOR": "1"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "curves.svg").is_file()
    printed = without_numbers(done.stdout)
    # The first table's headings, the line of a difference, and what is said of two single runs.
    for block, first, last in ((SHOWN[0], 0, 1), (SHOWN[0], 4, 5), (SHOWN[-1], 0, 1)):
        shown = without_numbers("\n".join(block.splitlines()[first:last]))
        assert shown in printed
    assert without_numbers(SHOWN[-1].splitlines()[-1]) in printed


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="the page's lines are for a POSIX shell")
@pytest.mark.parametrize("heading", ["Train several seeds", "Which setting is best?"])
def test_several_seeds_and_sweeps_print_what_is_shown(tmp_path: Path, heading: str) -> None:
    section = PAGE.partition(f"## {heading}")[2].partition("\n## ")[0]
    command, shown = re.findall(r"^```(?:sh|text)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    script = f'attn() {{ "{sys.executable}" -m attn_cli "$@"; }}\n' + command
    done = subprocess.run(
        ["bash", "-c", script.replace("--steps 60", "--steps 2")],
        cwd=tmp_path, env=os.environ | {"NO_COLOR": "1"}, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first = without_numbers(shown.splitlines()[0])
    assert first in without_numbers(done.stdout)
    assert len(done.stdout.splitlines()) >= len(shown.splitlines())
