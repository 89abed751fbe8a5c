"""A run to be damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from attn_cli.runs.run_folder import RunFolder
from tests.conftest import Trained


@pytest.fixture
def copied(trained: Trained, tmp_path: Path) -> RunFolder:
    """A copy of the shared run, to be damaged."""
    shutil.copytree(trained.run.path, tmp_path / "runs" / "copy")
    return RunFolder(tmp_path / "runs" / "copy")
