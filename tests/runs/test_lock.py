"""One process at a time holds a run's folder; test_resume.py has two that train."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attn_cli.errors import InputError
from attn_cli.runs.lock import lock_run
from attn_cli.runs.run_folder import RunFolder


def test_a_lock_names_its_holder_and_is_released(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with lock_run(run):
        with pytest.raises(InputError, match=f"process {os.getpid()} is training"), lock_run(run):
            pass
        assert run.lock_holder.exists(), "one that is refused releases nothing"
    assert not run.lock_holder.exists()
    with lock_run(run):
        pass
