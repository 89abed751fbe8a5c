"""The pages of the reference are those that the program makes of itself."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "docs" / "make_reference.py"
REMEDY = "run python docs/make_reference.py"


@pytest.mark.parametrize("name", ["commands.md", "configuration.md"])
def test_a_page_is_up_to_date(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    spec = importlib.util.spec_from_file_location("make_reference", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.PAGES[name]()
    assert made == (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8"), REMEDY


@pytest.mark.slow
def test_all_pages_are_up_to_date_with_what_commands_print() -> None:
    done = subprocess.run(
        [sys.executable, PROGRAM, "--check"], cwd=ROOT, env=os.environ, capture_output=True,
        encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}{done.stderr[-2000:]}\n{REMEDY}"
