"""The README's commands, run as written: a fresh environment, a plain install, an empty folder.

Every line of its `sh` blocks is run in order, in a shell, as a new user would. The first
one installs; the last one, which runs these tests, is what `.ci/run` is made of.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import NAMES

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
INSTALL = "python -m pip install . && attn train"
TESTS = "python -m pip install -e '.[dev]' && pytest"


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)


def commands(page: str = README) -> list[str]:
    return [line for block in blocks("sh", page) for line in block.splitlines()]


def test_it_is_a_screen_and_a_half() -> None:
    assert len(README.encode()) <= 9_000


def test_both_lines_that_set_everything_up_are_there() -> None:
    assert commands()[0] == INSTALL
    assert commands()[-1] == TESTS


def test_continuous_integration_runs_the_last_line() -> None:
    script = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    install, run = TESTS.split(" && ")
    assert install.replace("install", "install --quiet", 1) in script
    assert run in script


def test_the_table_shown_is_what_inspect_shapes_prints() -> None:
    environment = os.environ | {"NO_COLOR": "1"}
    page = (REPOSITORY / "docs" / "explanation" / "transformer.md").read_text(encoding="utf-8")
    (line,) = [line for line in commands(page) if line.startswith("attn inspect-shapes")]
    command = [sys.executable, "-m", "attn_cli", *line.split()[1:]]
    printed = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment, encoding="utf-8"
    ).stdout

    def trimmed(text: str) -> list[str]:
        return [line.rstrip() for line in text.strip().splitlines()]

    assert trimmed(printed) in [trimmed(block) for block in blocks("text", page)]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="the README's lines are for a POSIX shell")
def test_every_command_as_a_new_user_runs_it(tmp_path: Path) -> None:
    clone, empty = tmp_path / "clone", tmp_path / "empty"
    _clone(clone)
    (empty / "data").mkdir(parents=True)
    for program in ("make_tales.py", "make_languages.py", "make_dates.py"):
        shutil.copy(clone / "data" / program, empty / "data")
    (empty / "my.txt").write_text("The rain in Spain stays mainly in the plain.\n" * 60)
    (empty / "names.txt").write_text("".join(NAMES))
    (empty / "other.txt").write_text("In Hertford and Hampshire it hardly ever happens.\n" * 60)
    environment = {
        name: value
        for name, value in os.environ.items()
        # Nothing of this checkout may help the installed one.
        if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME") and not name.startswith("ATTN_")
    }
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    environment["PATH"] = f"{tmp_path / 'venv' / 'bin'}{os.pathsep}{environment['PATH']}"
    environment["ATTN_CACHE"] = str(tmp_path / "cache")

    def shell(command: str, folder: Path) -> str:
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    trained = shell(INSTALL, clone)
    assert "val loss" in trained
    shutil.copytree(clone / "runs", empty / "runs")
    for command in commands()[1:-1]:
        # The default run again would take another minute, and show nothing new.
        if command != "attn train":
            shell(command, empty)

    # What the default run is for: text that a person reads with pleasure.
    (default,) = (clone / "runs").iterdir()
    shell(f"attn generate --run {default} --num-samples 40 --seed 1 > tales.txt", empty)
    report = json.loads(shell("python data/make_tales.py check --json tales.txt", empty))
    assert report["shares"]["valid_words"] >= 0.9
    assert report["shares"]["consistent_tales"] >= 0.25


def _clone(folder: Path) -> None:
    """What a fresh clone has: the files that git tracks, or would."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY, capture_output=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.decode().split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
