"""A text read once: its totals, and where a place in it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from attn_cli.text.read_text import ReadText, read_text
from attn_cli.text.sources import Document, Source, open_source


def reading(folder: Path, *texts: str, max_chars: int = 10**6) -> ReadText:
    paths = [folder / f"{number}.txt" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return read_text(open_source([str(path) for path in paths]), max_chars)


def test_totals_and_places(tmp_path: Path) -> None:
    read = reading(tmp_path, "Zürich\n\nBern", "Genf\nLugano\n")
    assert (read.chars, read.utf8_bytes, read.lines) == (24, 25, 4)
    assert read.text(8, 8) == "BernGenf"
    assert read.lines_of(8, 4) == "0.txt lines 3-3"
    assert read.lines_of(12, 7) == "1.txt lines 1-2"


@pytest.mark.parametrize("size", [1, 2, 3, 99])
def test_lines_are_counted_wherever_chunks_end(size: int) -> None:
    text = "a\n\n\nb\n\n\n\nc\nd"
    chunks = [text[begin : begin + size] for begin in range(0, len(text), size)]
    document = Document("a", lambda: iter(chunks))
    assert read_text(Source(("a",), "a", (document,), {}), 100).lines == 4


def test_only_the_beginning_is_kept(tmp_path: Path) -> None:
    read = reading(tmp_path, "ab\n" * 5, "cd\n" * 5, max_chars=20)
    assert (len(read.codes), read.chars, read.lines) == (20, 30, 10)


@pytest.mark.parametrize(
    ("lines", "is_sorted"),
    [
        ([f"w{i:03}" for i in range(99)], True),
        ([f"W{i:03}" if i % 2 else f"w{i:03}" for i in range(99)], True),
        ([f"w{i * 37 % 99:03}" for i in range(99)], False),
        (["same"] * 99, False),
        (["a", "b", "c"], False),
    ],
)
def test_sorted_lines(lines: list[str], is_sorted: bool, tmp_path: Path) -> None:
    assert reading(tmp_path, "\n".join(lines)).is_sorted is is_sorted
