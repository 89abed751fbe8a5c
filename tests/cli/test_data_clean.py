"""`attn data clean`: it says what is there, asks, and touches nothing but its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests.cli.terminal import Terminal
from tests.conftest import Outcome

Attn = Callable[..., Outcome]
KEY = "0123456789abcdef0123456789abcdef01234567"
OWN = (
    "texts/names.txt", f"ids/{KEY}.ids", f"ids/{KEY}.lock", f"ids/{KEY}-targets.json",
    f"baselines/{KEY}.json", "compiled/2a/kernel.cpp", "compiled/fxgraph/2a/graph",
)  # fmt: skip
OTHERS = (
    "letter.txt",
    "texts/mine.txt",
    "ids/notes.json",
    "compiled/program.cpp",
    "compiled/src/a",
)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache folder with files of attn, others, and links that lead out of it."""
    cache, elsewhere = tmp_path / "cache", tmp_path / "elsewhere"
    for name in (*OWN, *OTHERS):
        (cache / name).parent.mkdir(parents=True, exist_ok=True)
        (cache / name).write_bytes(b"x" * 100)
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("x")
    (cache / "compiled" / "3b").symlink_to(elsewhere)
    (cache / "compiled" / "2a" / "link").symlink_to(elsewhere)
    return cache


def left(cache: Path) -> set[str]:
    return {path.relative_to(cache).as_posix() for path in cache.rglob("*") if path.is_file()}


def test_only_what_is_its_own_is_removed(attn: Attn, cache: Path) -> None:
    done = attn("data", "clean", "--yes")
    assert done.code == 0, done.err
    assert "8 files" in done.out  # the link in a folder of its own is one
    assert "token ids of large texts: 3 files" in done.out
    assert left(cache) == set(OTHERS)
    assert (cache / "compiled" / "3b" / "precious").is_file()
    assert attn("data", "clean", "--json").json["files"] == 0


def test_what_another_process_makes_stays(attn: Attn, cache: Path) -> None:
    with FileLock(cache / "ids" / f"{KEY}.lock"):
        done = attn("data", "clean", "--yes")
    assert "removed 5 files; 3 files in use stay" in done.out
    assert {name for name in left(cache) if name.startswith(f"ids/{KEY}")} == {
        name for name in OWN if name.startswith("ids/")
    }


def test_without_a_terminal_it_is_not_asked_but_refused(attn: Attn, cache: Path) -> None:
    before = left(cache)
    refused = attn("data", "clean")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert left(cache) == before


@pytest.mark.parametrize(("answer", "gone"), [("y", True), ("n", False), ("", False)])
def test_a_person_is_asked(tmp_path: Path, cache: Path, answer: str, gone: bool) -> None:
    terminal = Terminal(tmp_path, "data", "clean", ATTN_CACHE=str(cache))
    try:
        terminal.until("remove all of it?")
        terminal.type(f"{answer}\n")
        terminal.until("removed")
    finally:
        terminal.close()
    assert (left(cache) == set(OTHERS)) == gone
