from pathlib import Path

import numpy as np
import pytest

from attn_cli.text import lines, overlap
from attn_cli.text.corpus import load_corpus


def notes(tmp_path: Path, text: str, validation: str | None) -> list[str]:
    names = []
    for name, content in (("a.txt", text), ("b.txt", validation)):
        (tmp_path / name).write_text(content or "", encoding="utf-8")
        names.append([str(tmp_path / name)])
    corpus = load_corpus(names[0], "corpus", validation=names[1] if validation else None)
    return list(overlap.notes_on_overlap(corpus))


ALPHABET = "".join(map(chr, range(0x4E00, 0x4E00 + 300)))  # ids of two bytes


def random_text(seed: int, length: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list(ALPHABET), length))


@pytest.mark.parametrize("chunk", [64, 1000, 2**26])
def test_passages_that_were_trained_on_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(overlap, "_CHUNK", chunk)
    text, other = ALPHABET + random_text(0, 5000), random_text(1, 1000)
    assert notes(tmp_path, text, other) == []
    (all_of_it,) = notes(tmp_path, text, text[2000:3000])
    assert all_of_it.startswith("10 of 10 passages of the validation text stand")
    (half,) = notes(tmp_path, text, text[2000:2500] + other[:500])
    assert half.startswith("5 of 10 passages of the validation text stand")
    (one,) = notes(tmp_path, text, text[77:99])
    assert one.startswith("1 of 1 passages of the validation text stand")


def test_lines_that_were_trained_on_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "_COMPARED", 2)
    text, validation = tmp_path / "a.txt", tmp_path / "b.txt"
    text.write_text("one\ntwo\nthree\nfour\nfive\n")
    validation.write_text("six\n\nfour\none\nfour\n")
    corpus = load_corpus([str(text)], validation=[str(validation)], records="lines")
    (note,) = overlap.notes_on_overlap(corpus)
    assert note.startswith("3 of 4 validation lines are also training lines")
    validation.write_text("six\non\ne\n")
    corpus = load_corpus([str(text)], validation=[str(validation)], records="lines")
    assert list(overlap.notes_on_overlap(corpus)) == []


def test_without_a_text_of_its_own_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert notes(tmp_path, "abc" * 100, None) == []


def test_bytes_that_begin_within_an_id_are_no_passage() -> None:
    ids = np.array([0x0201, 0x0403], dtype="<u2")
    assert overlap.occurs(ids, ids[1:])
    assert not overlap.occurs(ids, np.array([0x0302], dtype="<u2"))
