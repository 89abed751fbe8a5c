"""Texts in gzip, xz and zstd: read as the text in them, in constant memory, and never guessed."""

import gzip
import io
import lzma
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from attn_cli.errors import DatasetError, MissingPackageError, OperationError
from attn_cli.text import token_cache
from attn_cli.text.encoded_text import load_text
from attn_cli.text.sources import open_source

TEXT = "The fox met the owl, naïve as ever.\n" * 5000
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress, "xz": lzma.compress, "zst": zstd.compress,
}  # fmt: skip

kinds = pytest.mark.parametrize("kind", PACK)


def text_of(*names: Path | str) -> str:
    return "".join(open_source([str(name) for name in names]).chunks())


@kinds
class TestArchives:
    def test_it_is_the_text_in_it(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / f"book.txt.{kind}"
        path.write_bytes(PACK[kind](TEXT.encode()))
        source = open_source([str(path)])
        assert "".join(source.chunks()) == TEXT
        assert "".join(source.chunks()) == TEXT, "can be read again"
        assert (source.names, source.name) == ((str(path),), "book")
        plain = tmp_path / "plain.txt"
        plain.write_text(TEXT, encoding="utf-8")
        first, second = (load_text([str(name)], "printable") for name in (path, plain))
        assert first.sha256 == second.sha256, "so a run is resumed with either"

    def test_by_its_first_bytes_and_not_its_name(self, tmp_path: Path, kind: str) -> None:
        (tmp_path / "book").write_bytes(PACK[kind](TEXT.encode()))
        assert text_of(tmp_path / "book") == TEXT
        (tmp_path / f"plain.{kind}").write_text("plain text")
        assert text_of(tmp_path / f"plain.{kind}") == "plain text"

    def test_several_parts_one_after_the_other(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "parts"
        path.write_bytes(b"".join(PACK[kind](part) for part in (b"one ", b"", b"two ", b"three")))
        assert text_of(path) == "one two three"

    def test_standard_input(self, kind: str) -> None:
        source = open_source(["-"], io.BytesIO(PACK[kind](TEXT.encode())))
        assert "".join(source.chunks()) == "".join(source.chunks()) == TEXT

    def test_in_a_folder_beside_others(self, tmp_path: Path, kind: str) -> None:
        (tmp_path / f"a.txt.{kind}").write_bytes(PACK[kind](b"packed"))
        (tmp_path / f"b.png.{kind}").write_bytes(PACK[kind](b"\x89PNG\r\n\x1a\n\x00\x00"))
        (tmp_path / "c.txt").write_text("plain")
        source = open_source([str(tmp_path)])
        assert "".join(source.chunks()) == "packed\fplain"
        assert source.notes() == ["left out: files that look binary (1)"]

    @pytest.mark.parametrize("left", [8, 0.5, -1])
    def test_cut_short(self, tmp_path: Path, kind: str, left: float) -> None:
        whole = PACK[kind](TEXT.encode())
        path = tmp_path / "cut"
        path.write_bytes(whole[: int(left * len(whole)) if left == 0.5 else int(left)])
        with pytest.raises(DatasetError, match=f"{path} is truncated") as caught:
            text_of(path)
        assert caught.value.hint == "copy or download it again"

    def test_damaged(self, tmp_path: Path, kind: str) -> None:
        # Text that does not repeat itself: what is damaged is in the middle of it.
        whole = bytearray(PACK[kind]("".join(map(str, range(30_000))).encode()))
        whole[len(whole) // 2 : len(whole) // 2 + 40] = b"x" * 40
        path = tmp_path / "bad"
        path.write_bytes(whole)
        with pytest.raises(DatasetError, match=f"{path} is damaged: its (gzip|xz|zstd) data"):
            text_of(path)

    def test_garbage_behind_it(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "more"
        path.write_bytes(PACK[kind](b"text") + b"garbage")
        with pytest.raises(DatasetError, match=r"is (damaged|truncated)"):
            text_of(path)

    def test_a_bomb_stays_small_in_memory(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "bomb"
        megabytes = 200
        block = PACK[kind](b" " * 2**20 * 20)
        path.write_bytes(block * (megabytes // 20))
        assert path.stat().st_size < 250_000
        tracemalloc.start()
        try:
            read = sum(map(len, open_source([str(path)]).chunks()))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert read == megabytes * 2**20
        assert peak < 20 * 2**20

    def test_a_bomb_does_not_fill_the_disk(
        self, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        path = tmp_path / "bomb"
        path.write_bytes(PACK[kind](b"aA" * 2**20))
        usage = token_cache.shutil.disk_usage(cache)._replace(free=2**20)
        monkeypatch.setattr(token_cache.shutil, "disk_usage", lambda _: usage)
        with pytest.raises(OperationError, match=r"need 2\.0 MiB in .* which has 1\.0 MiB free"):
            load_text([str(path)], "printable", in_memory_limit=0)
        assert not [file for file in cache.rglob("*") if file.stat().st_size > 10_000]


def test_an_archive_that_asks_for_gigabytes_is_refused(tmp_path: Path) -> None:
    greedy = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**29}]
    path = tmp_path / "greedy.xz"
    with lzma.open(path, "wb", filters=greedy) as file:
        file.write(b"small")
    with pytest.raises(DatasetError, match="Memory usage limit"):
        text_of(path)


def test_zstd_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "book.zst"
    path.write_bytes(zstd.compress(b"text"))
    for name in ("backports.zstd", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingPackageError) as caught:
        text_of(path)
    assert str(path) in caught.value.message
    assert caught.value.hint == "python -m pip install backports.zstd"
