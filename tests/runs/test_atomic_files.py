"""Files are complete or absent, and errors name them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attn_cli.runs.atomic_files import (
    WriteError,
    append,
    atomic_write,
    atomic_write_folder,
    read_at_most,
    sync_file,
)


def test_atomic_write_replaces_a_file_and_leaves_nothing_beside(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a", "one\n")
    atomic_write(tmp_path / "a", b"two\n")
    assert (tmp_path / "a").read_bytes() == b"two\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.skipif(os.name != "posix", reason="Windows replaces no file that is open")
def test_a_reader_sees_the_old_content_or_the_new_one(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a", "old")
    with (tmp_path / "a").open() as reader:
        atomic_write(tmp_path / "a", "new")
        assert reader.read() == "old", "the file that it opened was not written to"


def test_a_failure_leaves_the_old_content_and_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    atomic_write(path, "old")

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(WriteError, match="No space left") as caught:
        atomic_write(path, "new and longer")
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["a"]


@pytest.fixture
def named_at_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether there was an `a` at each sync so far."""
    named: list[bool] = []
    sync = os.fsync

    def record(descriptor: int) -> None:
        named.append((tmp_path / "a").exists())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    return named


def test_content_is_synced_before_it_gets_its_name(
    tmp_path: Path, named_at_sync: list[bool]
) -> None:
    atomic_write(tmp_path / "a", "text")
    assert named_at_sync[0] is False
    if os.name == "posix":
        assert named_at_sync[1:] == [True], "then the folder, for the name itself"


@pytest.mark.skipif(os.name != "posix", reason="folders are synced on POSIX alone")
def test_a_folder_gets_its_name_full_and_then_its_name_is_synced(
    tmp_path: Path, named_at_sync: list[bool]
) -> None:
    atomic_write_folder(tmp_path / "a", {"one": b"1", "two": b"2"})
    assert named_at_sync[-1] is True, "the folder that it is in comes last"
    assert not any(named_at_sync[:-1])
    assert {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()} == {
        "one": b"1", "two": b"2",
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_is_synced_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    sync_file(tmp_path / "none")
    assert synced == []
    (tmp_path / "a").touch()
    sync_file(tmp_path / "a")
    assert synced == [(tmp_path / "a").stat().st_ino]


def test_what_cannot_be_appended_names_the_file(tmp_path: Path) -> None:
    append(tmp_path / "log", "one\n")
    append(tmp_path / "log", "two\n")
    assert (tmp_path / "log").read_text() == "one\ntwo\n"
    with pytest.raises(WriteError) as caught:
        append(tmp_path / "none" / "log", "three\n")
    assert caught.value.filename == str(tmp_path / "none" / "log")


def test_no_more_is_read_than_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_at_most(path, 5) == b"12345"
    assert read_at_most(path, 3) == b"1234", "one more byte says that there are more"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names on this system")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        read_at_most(tmp_path / "pipe", 5)
