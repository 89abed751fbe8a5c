"""How a file is written: mark, line ends, and every byte that is not UTF-8."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from attn_cli.text import encoding_check
from attn_cli.text.encoding_check import EncodingFacts, check_encoding


@pytest.mark.parametrize("block", [1, 2, 3, 5, 1 << 16])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", EncodingFacts(False, 0, 0, ())),
        ("Zürich, Gößnitz 😀\n".encode(), EncodingFacts(False, 0, 0, ())),
        ("Zürich\r\nBern\r".encode("utf-8-sig"), EncodingFacts(True, 2, 0, ())),
        (
            "Zürich\nBern\nGenève\nSion é".encode("latin-1"),
            EncodingFacts(False, 0, 3, ((1, 0xFC), (3, 0xE8), (4, 0xE9))),
        ),
        ("a\n😀".encode()[:-1], EncodingFacts(False, 0, 1, ((2, 0xF0),))),
        (b"\xff" * 9, EncodingFacts(False, 0, 9, ((1, 0xFF),) * 3)),
    ],
)
def test_each_is_counted_wherever_blocks_end(
    content: bytes, expected: EncodingFacts, block: int, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(encoding_check, "BLOCK", max(block, 3))  # a mark is not cut
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    assert check_encoding(path) == expected
    path.write_bytes(gzip.compress(content))
    assert check_encoding(path) == expected


def test_a_file_in_another_encoding_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xe9 \n" * 5000)
    assert check_encoding(path).invalid == encoding_check.MAX_INVALID
