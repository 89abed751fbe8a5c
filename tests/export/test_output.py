"""Folders of exports: whole or absent, and over nothing that someone else made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attn_cli.errors import InputError, OperationError
from attn_cli.export.output import MANIFEST, check_output_folder, write_folder
from attn_cli.runs.loaded_model import TrainedModel
from tests.export.conftest import MakeRun

FILES = {"a.json": b"{}", "b.bin": b"12345"}


@pytest.fixture
def model(make_run: MakeRun) -> TrainedModel:
    return make_run()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != MANIFEST}


def test_a_later_export_takes_the_place_of_an_earlier_one(
    model: TrainedModel, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "out"
    assert write_folder(out, FILES, model, "hf") == sum(p.stat().st_size for p in out.iterdir())
    assert contents(out) == FILES
    write_folder(out, {"c": b"3"}, model, "hf")
    assert contents(out) == {"c": b"3"}
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_an_empty_folder_is_filled_and_stays_the_same(model: TrainedModel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    before = out.stat().st_ino
    write_folder(out, FILES, model, "hf")
    assert contents(out) == FILES
    assert out.stat().st_ino == before


@pytest.mark.parametrize("change", ["a file more", "a file changed", "a file less", "no manifest"])
def test_what_a_user_changed_is_not_replaced(
    model: TrainedModel, tmp_path: Path, change: str
) -> None:
    out = tmp_path / "out"
    write_folder(out, FILES, model, "hf")
    if change == "a file more":
        (out / "notes.txt").write_text("mine")
    elif change == "a file changed":
        (out / "b.bin").write_bytes(b"12346")
    elif change == "a file less":
        (out / "b.bin").unlink()
    else:
        (out / MANIFEST).unlink()
    before = contents(out)
    with pytest.raises(InputError, match="is not an unchanged export of attn"):
        write_folder(out, {"c": b"3"}, model, "hf")
    assert contents(out) == before


@pytest.mark.parametrize("manifest", ["", "[]", '{"sha256": 3}', '{"sha256": {"../x": "0"}}'])
def test_a_manifest_that_is_none_is_no_export(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / MANIFEST).write_text(manifest)
    with pytest.raises(InputError, match="is not an unchanged export"):
        check_output_folder(tmp_path / "out")


def test_a_file_and_a_dash_are_no_folders(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is not a folder"):
        check_output_folder(tmp_path / "file")
    with pytest.raises(InputError, match="needs a folder"):
        check_output_folder(Path("-"))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told(model: TrainedModel, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(OperationError, match=r"cannot write .*out: Permission denied"):
        write_folder(tmp_path / "locked" / "out", FILES, model, "hf")


def test_a_parent_that_is_a_file_is_told(model: TrainedModel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OperationError, match="cannot write"):
        write_folder(tmp_path / "file" / "out", FILES, model, "hf")
    assert (tmp_path / "file").read_text() == "mine"


def test_nothing_half_written_stays(model: TrainedModel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_folder(out, FILES, model, "hf")
    # A name that no system takes, after a file that could be written.
    with pytest.raises(OperationError):
        write_folder(out, {"c": b"3", "x" * 300: b""}, model, "hf")
    assert contents(out) == FILES
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(OperationError):
        write_folder(empty, {"c": b"3", "x" * 300: b""}, model, "hf")
    assert list(empty.iterdir()) == []
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_an_earlier_export_is_put_back_where_the_new_one_gets_no_name(
    model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    write_folder(out, FILES, model, "hf")
    rename = Path.replace

    def refuse_the_new(self: Path, target: Path) -> Path:
        if ".new" in self.name and target == out:
            raise OSError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", refuse_the_new)
    with pytest.raises(OperationError, match="Permission denied"):
        write_folder(out, {"c": b"3"}, model, "hf")
    assert contents(out) == FILES
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
