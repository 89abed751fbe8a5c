"""`attn check` on texts of different kinds: what it warns of, and what it does not."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import VERSE, Outcome

Attn = Callable[..., Outcome]

LICENCE = (
    "Permission is hereby granted, free of charge, to any person obtaining a copy of this tool, to "
    "deal in it without restriction, including the rights to use, copy, modify, merge, publish, "
    "distribute and sell copies of it. It is provided as it is, without warranty of any kind.\n"
)
WORDS = sorted(set(VERSE.lower().replace(".", "").split()))
RUSSIAN = ["сова", "лиса", "река", "встретила", "сидели", "высокими", "деревьями", "до", "ночи"]


def prose(chars: int, words: list[str] = WORDS, seed: int = 1) -> str:
    """Sentences of random words, in lines."""
    choice, text = random.Random(seed), ""
    while len(text) < chars:
        text += " ".join(choice.choices(words, k=9)).capitalize() + choice.choice([".\n", ". "])
    return text[:chars]


def names(count: int) -> list[str]:
    choice = random.Random(2)
    return ["".join(choice.choices("aeiounrlstm", k=choice.randint(4, 9))) for _ in range(count)]


def code_files(folder: Path) -> None:
    for number in range(9):
        year = f"Copyright {2000 + number}\n"
        (folder / f"{number}.py").write_text(year + LICENCE + prose(900, seed=number))


KINDS: dict[str, tuple[Any, str | None]] = {
    # what is written, and what the one warning has; None where there is none
    "prose": (prose(30_000), None),
    "a note": (prose(3000), "it is small: 3,000 characters"),
    "shuffled names": ("\n".join(names(4000)), None),
    "a sorted dictionary": ("\n".join(sorted(names(4000))), "its lines are sorted"),
    "a Russian appendix": (
        prose(26_000) + prose(3000, RUSSIAN), "its end, the validation split, is unlike"
    ),
    "a table": (
        "".join(f"{i},{name},{len(name)}\n" for i, name in enumerate(names(3000))), None
    ),
    "DNA": ("".join(random.Random(3).choices("ACGT", k=30_000)), None),
    "a folder of files with one licence": (code_files, "characters occurs 9 times"),
    "a text twice": (prose(15_000) * 2, "of the validation split also occurs word for word in"),
    "a few accents": (prose(30_000) + "é" * 20, "20 characters outside the vocabulary"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the measurement of speed, which is tested where it is made."""
    monkeypatch.setattr("attn_cli.training.auto_size._chars_per_second", lambda *args: 20_000.0)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_right_about_ten_kinds_of_text(kind: str, attn: Attn, tmp_path: Path) -> None:
    content, expected = KINDS[kind]
    path = tmp_path / "text"
    if callable(content):
        path.mkdir()
        content(path)
    else:
        path.write_text(content, encoding="utf-8")
    outcome = attn("check", path, "--json")
    assert outcome.code == 0, outcome.err
    warnings = outcome.json["warnings"]
    if expected is None:
        assert warnings == []
    else:
        assert any(expected in warning for warning in warnings), warnings
    told = attn("check", path).out
    assert all(f"warning: {warning}\n" in told for warning in warnings)
    assert ("no warnings: " in told) == (not warnings)


def test_the_facts(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\ufeff" + prose(15_000), encoding="utf-8", newline="\r\n")
    (tmp_path / "b.txt").write_text(prose(15_000, seed=5), encoding="utf-8")
    report = attn("check", "a.txt", "b.txt", "--json").json
    assert report["chars"] == report["utf8_bytes"] == 30_000
    assert report["documents"] == 2
    assert (report["byte_order_marks"], report["carriage_returns"]) == (1, 1)
    assert (report["vocabulary"], report["symbols"], report["changed"]) == ("printable", 100, 0)
    assert report["baselines"]["single_characters"] > report["baselines"]["five_gram"]
    assert [plan["minutes"] for plan in report["plans"]] == [1, 5, 15]
    low, high = report["plans"][0]["expected_bits"]
    assert 0 < low < high
    told = attn("check", "a.txt", "b.txt").out
    assert "byte-order mark: in 1 of the files; it is dropped" in told
    assert "CR LF or CR: in 1 of the files; they are read as LF" in told
    assert "--minutes 15: " in told


def test_of_a_long_text_the_beginning_is_searched_for_repeats(
    attn: Attn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attn_cli.training.text_check.MAX_READ", 25_000)
    (tmp_path / "a.txt").write_text(prose(30_000))
    assert (
        " of the first 25,000 characters repeats an earlier passage" in attn("check", "a.txt").out
    )


def test_a_passage_is_named_with_its_places(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    code_files(tmp_path / "code")
    (warning,) = (
        each for each in attn("check", "code", "--json").json["warnings"] if "0.py" in each
    )
    assert "0.py lines 1-3, 1.py lines 1-3, 2.py lines 1-3, ...); keep one copy" in warning


def test_every_file_that_cannot_be_used_is_told(attn: Attn, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_bytes("Zürich\nGenève\n".encode("latin-1"))
    (folder / "b.txt").write_text("fine\n")
    (folder / "c.txt").write_text("Bern", encoding="utf-16")
    (folder / "d.pdf").write_bytes(b"%PDF-1.7 text\n")
    outcome = attn("check", "texts")
    assert outcome.code == 2
    assert outcome.out.count("cannot be used: ") == 2
    assert "2 bytes are invalid: line 1 (0xfc), line 2 (0xe8)" in outcome.out
    assert "d.pdf is a PDF" in outcome.out
    report = json.loads(attn("check", "texts", "--json").out)
    assert report["usable"] is False
    assert [Path(each["name"]).name for each in report["unreadable"]] == ["a.txt", "d.pdf"]


def test_the_text_to_validate_on_is_checked_too(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(prose(30_000))
    (tmp_path / "b.txt").write_bytes("Zürich\n".encode("latin-1"))
    same = attn("check", "a.txt", "--set", "data.validation=a.txt", "--json").json
    assert any("stand word for word in the training text" in each for each in same["warnings"])
    outcome = attn("check", "a.txt", "--set", "data.validation=b.txt", "--json")
    assert (outcome.code, outcome.json["usable"]) == (2, False)
    assert [Path(each["name"]).name for each in outcome.json["unreadable"]] == ["b.txt"]
    assert "only once" in attn("check", "a.txt", "--set", 'data.validation="-"').err


def test_of_a_note_no_loss_is_expected(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text(prose(3_000))
    assert {
        plan["expected_bits"] for plan in attn("check", "note.txt", "--json").json["plans"]
    } == {None}


def test_lines_are_checked_as_lines(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("\n".join(sorted(names(4000))))
    report = attn("check", "names.txt", "--lines", "--json").json
    assert report["warnings"] == []
    assert report["tail"] is None
    assert report["plans"][0]["expected_bits"] is None
    sorted_lines = attn("check", "names.txt").out
    assert "; expect" not in sorted_lines
    assert "give --lines, which draws the validation split from all lines" in sorted_lines


def test_what_is_too_short_is_told(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Hello, world.\n")
    report = attn("check", "a.txt", "--json").json
    assert report["plans"] == []
    assert any("the text is too short" in warning for warning in report["warnings"])


@pytest.mark.parametrize(
    ("name", "told"), [("nothing.txt", "there is no file"), ("-", "can be read only once")]
)
def test_what_cannot_be_checked_is_refused(name: str, told: str, attn: Attn) -> None:
    outcome = attn("check", name)
    assert outcome.code == 2
    assert told in outcome.err


def test_a_text_in_another_encoding_is_checked_as_it_is_read(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes((prose(21_000) + "Zürich ").encode("latin-1"))
    assert "data.encoding" in attn("check", "a.txt").out
    report = attn("check", "a.txt", "--set", "data.encoding=latin-1", "--json").json
    assert (report["usable"], report["chars"]) == (True, 21_007)
