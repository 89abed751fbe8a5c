"""A run in Python is what its folder holds."""

from __future__ import annotations

from pathlib import Path

import pytest

import attn_cli as attn_api
from attn_cli.errors import CheckpointError
from attn_cli.runs.run_folder import RunFolder
from tests.conftest import Trained


def test_it_has_what_the_folder_has(trained: Trained) -> None:
    run = attn_api.Run(str(trained.run.path))
    assert run.path == trained.run.path
    assert run.config == trained.config
    assert run.metrics[-1].step == 240
    assert [line.val_loss for line in run.metrics if line.val_loss is not None] == pytest.approx(
        [line.val_loss for line in trained.callback.evaluations]
    )
    assert run.load().generate("The", seed=3) == attn_api.load(run.path).generate("The", seed=3)


def test_it_has_the_samples_of_its_evaluations(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    folder.config.write_text("")
    run = attn_api.Run(folder.path)
    assert run.samples == []
    folder.append_sample(80, 1.5, "Teh fxo")
    folder.append_sample(160, 1.25, "The fox")
    assert run.samples == [(80, "Teh fxo"), (160, "The fox")]


def test_runs_are_listed(trained: Trained, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ATTN_RUNS", str(trained.run.path.parent))
    assert [run.path for run in attn_api.list_runs()] == [trained.run.path]
    assert attn_api.Run().path == trained.run.path
    monkeypatch.setenv("ATTN_RUNS", str(tmp_path))
    assert attn_api.list_runs() == []
    with pytest.raises(CheckpointError, match="no run nothing"):
        attn_api.Run("nothing")
