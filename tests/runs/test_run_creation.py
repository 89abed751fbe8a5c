"""New runs overwrite nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from attn_cli.errors import InputError
from attn_cli.runs.run_creation import create_run


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        create_run(tmp_path / "full", "x")
    with pytest.raises(InputError, match="not a folder"):
        create_run(tmp_path / "full" / "thesis.txt", "x")
    (tmp_path / "empty").mkdir()
    assert create_run(tmp_path / "empty", "x").path == tmp_path / "empty"
    assert create_run(tmp_path / "new" / "deep", "x").path.is_dir()


def test_runs_of_the_same_second_have_their_own_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTN_RUNS", str(tmp_path))
    assert len({create_run(None, "same").path for _ in range(4)}) == 4


def test_a_name_that_is_taken_gets_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTN_RUNS", str(tmp_path))
    (tmp_path / "notes").write_text("a file")
    names = [create_run(None, name, dated=False).path.name for name in ("new", "new", "notes")]
    assert names == ["new", "new-2", "notes-2"]
