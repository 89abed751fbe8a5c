"""`attn runs`: a name that a user has to copy is never cut."""

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.conftest import Outcome, Trained

Attn = Callable[..., Outcome]

LONG = "pride-and-prejudice-by-jane-austen-20261128-0731"


@pytest.fixture
def runs(trained: Trained, tmp_path: Path) -> Path:
    """Two runs with long names that differ at their end, and one without a checkpoint."""
    for number in (3, 4):
        shutil.copytree(trained.run.path, tmp_path / "runs" / f"{LONG}{number}")
    (tmp_path / "runs" / "begun").mkdir()
    (tmp_path / "runs" / "begun" / "config.yaml").write_text("")
    return tmp_path / "runs"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize(
    ("columns", "shown", "left_out"),
    [
        (120, ("data", "parameters", "steps", "best val loss", "age"), ()),
        (95, ("steps", "best val loss", "age"), ("data", "parameters")),
        (30, ("best val loss",), ("data", "parameters", "steps", "age")),
    ],
)
def test_in_a_narrow_terminal_other_columns_go_first(
    runs: Path, tmp_path: Path, columns: int, shown: tuple[str, ...], left_out: tuple[str, ...]
) -> None:
    terminal = Terminal(tmp_path, "runs", TERM="xterm", COLUMNS=str(columns))
    try:
        listed = re.sub(r"\x1b\[[0-9;]*m", "", terminal.rest())
        assert terminal.code() == 0
    finally:
        terminal.close()
    head, *lines = listed.splitlines()
    assert len(lines) == 3
    for number in (3, 4):
        assert f"runs/{LONG}{number} " in listed
    assert "has no checkpoint" in listed
    assert all(name in head for name in shown)
    assert not any(name in head for name in left_out)


def test_in_a_pipe_nothing_is_cut(attn: Attn, runs: Path, trained: Trained) -> None:
    name = "x" * 200
    shutil.copytree(trained.run.path, runs / name)
    listed = attn("runs").out
    assert f"runs/{name} " in listed
    assert "age" in listed.splitlines()[0]
