"""A table as people have it: trained on, resumed, measured."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome

Attn = Callable[..., Outcome]

NAMES = [f"Neudorf in der Nähe von Altstadt {number}" for number in range(100)]
CSV = "name;country\r\n" + "".join(f"{name};Land\r\n" for name in NAMES)
CHARS = len("\f".join(NAMES))
SETTINGS = ("--config", "lesson", "--set", "data.column=name", "--set", "data.encoding=cp1252")


@pytest.mark.parametrize("text", ["towns.csv", "-"])
def test_a_column_is_trained_on_resumed_and_measured(attn: Attn, tmp_path: Path, text: str) -> None:
    (tmp_path / "towns.csv").write_bytes(CSV.encode("cp1252"))
    stdin = CSV.encode("cp1252") if text == "-" else b""
    first = attn("train", text, *SETTINGS, "--steps", "2", "--out", "run", stdin=stdin)
    assert first.code == 0, first.err
    name = "standard input" if text == "-" else "towns.csv"
    assert f"columns of {name} are separated by ';'" in first.err
    assert f": {CHARS:,} characters, " in first.err
    again = attn("train", "--resume", "run", "--steps", "4")
    assert again.code == 0, again.err
    assert attn("evaluate", "--run", "run", "--json").json["chars"] == CHARS - int(CHARS * 0.9) - 1
    if text == "-":  # saved in the run as it was read
        return
    measured = attn("evaluate", "towns.csv", "--run", "run")
    assert measured.code == 0, measured.err
    assert f"towns.csv: {CHARS - 1:,} characters" in measured.out
    assert "towns.csv is read as cp1252, as the training text was" in measured.err


def test_what_standard_input_cannot_have(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "towns.csv").write_bytes(CSV.encode())
    refused = attn("train", "-", *SETTINGS, "--set", "data.validation=towns.csv", stdin=b"a;b\n")
    assert refused.code == 2
    assert "cannot be combined with a table or another encoding in standard input" in refused.err


def test_a_table_without_a_column_is_told_once_it_is_read(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "towns.csv").write_text(CSV)
    trained = attn("train", "towns.csv", "--config", "lesson", "--steps", "1")
    assert "attn train towns.csv --set data.column=name" in trained.err
    assert attn("train", "towns.csv", "--set", "data.column=nme").err == (
        "attn: towns.csv has no column 'nme'; it has name, country\n  did you mean name?\n"
    )


def test_rows_are_lines_with_records_lines(attn: Attn, tmp_path: Path) -> None:
    rows = [f'"{name}\nam See",{number}\n' for number, name in enumerate(NAMES)]
    (tmp_path / "towns.csv").write_text("name,id\n" + "".join(rows), encoding="utf-8")
    settings = ("--config", "lesson", "--set", "data.column=name", "--steps", "1", "--lines")
    trained = attn("train", "towns.csv", *settings)
    assert trained.code == 0, trained.err
    assert "line breaks in 100 fields of towns.csv became spaces" in trained.err
    assert "90 lines to train on, 10 to validate on" in trained.err
    refused = attn("train", "towns.csv", *settings, "--set", "data.too_long=error")
    assert refused.code == 2
    assert "line 1 of the text, '" in refused.err
