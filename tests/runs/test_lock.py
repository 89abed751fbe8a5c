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


def test_a_disk_that_became_read_only_does_not_hide_how_the_run_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(path: Path, missing_ok: bool = False) -> None:
        raise OSError(30, "Read-only file system", str(path))

    run = RunFolder(tmp_path)

    def interrupted() -> None:
        with lock_run(run):
            monkeypatch.setattr(Path, "unlink", read_only)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    monkeypatch.undo()
    with lock_run(run):
        pass


def test_a_holder_that_has_not_said_its_name_yet(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with lock_run(run):
        run.lock_holder.write_bytes(b"")
        with pytest.raises(InputError, match=r"process \? is training"), lock_run(run):
            pass
