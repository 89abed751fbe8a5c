"""The dates are what their script says, and each has one meaning."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest

from tests.data.scripts import DATA, load_script

dates = load_script("make_dates")
ROWS = [line.split("\t") for line in (DATA / "dates.tsv").read_text("utf-8").splitlines()][1:]


def test_the_script_writes_the_file_that_is_here(tmp_path: Path) -> None:
    assert dates.main(["write", "--out", str(tmp_path / "again.tsv")]) == 0
    assert (tmp_path / "again.tsv").read_bytes() == (DATA / "dates.tsv").read_bytes()


def test_every_date_is_read_as_its_target() -> None:
    assert len({source for source, _ in ROWS}) == len(ROWS) == dates.PAIRS
    assert [row for row in ROWS if dates.parse(row[0]) != row[1]] == []


def test_every_way_to_write_a_date_has_one_meaning() -> None:
    days = [date(1007, 11, 1), date(1998, 9, 13), date(2026, 3, 27), date(2531, 12, 30)]
    for language in dates.LANGUAGES.values():
        for pattern in language.patterns.split("|"):
            for day in days:
                text = dates.render(day, language, pattern)
                assert dates.parse(text) == dates.parse(text.upper()) == day.isoformat(), text


def test_every_name_is_there_and_none_is_of_two_months() -> None:
    months = defaultdict(set)
    for language in dates.LANGUAGES.values():
        for names in (language.months, language.short_months):
            assert len(names.split()) in (0, 12)
            for number, name in enumerate(names.split()):
                months[name.rstrip(".").lower()].add(number)
        for names in (language.weekdays, language.short_weekdays):
            assert len(names.split()) in (0, 7)
            assert not set(names.lower().split()) & (set(dates.MONTHS) | set(dates.DAYS))
    assert {len(numbers) for numbers in months.values()} == {1}


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("27th of March 2026", "2026-03-27"),
        ("Friday the twenty-seventh of March 2026", "2026-03-27"),
        ("vendredi 1er mai 1789", "1789-05-01"),
        ("7.4.2026", "2026-04-07"),
        ("2026/4/7", "2026-04-07"),
        ("20260407", "2026-04-07"),
        ("27.III.2026", "2026-03-27"),
        ("2026年3月27日", "2026-03-27"),
        ("29 février 2024", "2024-02-29"),
        ("29 février 2023", None),  # no such day
        ("03/04/2026", None),  # March or April
        ("7 4 2026", None),
        ("27 March 26", None),
        ("March 2026", None),
        ("27 March or April 2026", None),
        ("the 27th, twenty-seventh of March 2026", None),
        ("", None),
    ],
)
def test_a_date_is_read_without_its_pattern(text: str, iso: str | None) -> None:
    assert dates.parse(text) == iso


def test_the_weekday_is_that_of_the_day() -> None:
    text = dates.render(date(2026, 3, 27), dates.LANGUAGES["Dutch"], "{weekday} {d} {month} {y}")
    assert text == "vrijdag 27 maart 2026"


def test_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert dates.main(["parse", "27 mars 2026", "3/4/2026"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "27 mars 2026: 2026-03-27",
        "3/4/2026: not a date with one meaning",
    ]
    (tmp_path / "t.tsv").write_text(
        "source\ttarget\n5 maja 1410\t1410-05-05\t-0.01\n6 maja 1410\t1410-05-07\n", "utf-8"
    )
    assert dates.main(["check", str(tmp_path / "t.tsv")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1 of 2 dates are right",
        "wrong: 6 maja 1410 -> 1410-05-07",
    ]
    assert dates.main(["check", str(tmp_path / "none.tsv")]) == 2
    assert capsys.readouterr().err.startswith("make_dates: ")
