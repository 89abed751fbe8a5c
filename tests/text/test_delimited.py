import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.errors import DatasetError
from attn_cli.text import delimited
from attn_cli.text.delimited import DelimitedTable


def table_of(text: str, *wanted: str, size: int = 7, **options: bool) -> DelimitedTable:
    def chunks() -> Iterator[str]:
        return (text[first : first + size] for first in range(0, len(text), size))

    return DelimitedTable("t.csv", chunks, wanted, **options)


def rows_of(table: DelimitedTable) -> list[tuple[str, ...]]:
    return [row for _, row in table.rows(range(len(table.columns)))]


def error_of(text: str, *wanted: str) -> str:
    with pytest.raises(DatasetError) as caught:
        rows_of(table_of(text, *wanted))
    assert caught.value.hint
    return caught.value.message


FIELD = st.text('ab,;\t| "\n\f\x85é1-', max_size=6)


@given(
    st.integers(2, 4).flatmap(lambda width: st.lists(st.tuples(*[FIELD] * width), min_size=1)),
    st.sampled_from(",;\t|"),
    st.integers(1, 9),
)
def test_what_csv_writes_is_read_again(
    rows: list[tuple[str, ...]], delimiter: str, size: int
) -> None:
    header = tuple(f"c{number}" for number in range(len(rows[0])))
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
        [header, *rows]
    )
    table = DelimitedTable(
        "t.csv", lambda: iter([file.getvalue()[i : i + size] for i in range(0, 10**4, size)]),
        ["c0"], delimiter,
    )  # fmt: skip
    assert table.columns == header
    assert rows_of(table) == rows


@pytest.mark.parametrize("delimiter", list(",;\t|"))
def test_the_delimiter_is_the_sign_that_rows_agree_on(delimiter: str) -> None:
    rows = ["one, two; three|four", "five", "a, b", "c|d"]
    lines = [f'"{row}"{delimiter}{number}\n' for number, row in enumerate(rows)]
    table = table_of("".join(lines))
    assert [row[0] for row in rows_of(table)] == rows
    told = f"columns of t.csv are separated by {delimiter!r}"
    assert (told in table.notes) == (delimiter != ",")


def test_a_tab_comes_before_signs_within_fields() -> None:
    table = table_of("gehen\tging\tV;PST;3\nsehen\tsah\tV;PST;1\n")
    assert rows_of(table)[0] == ("gehen", "ging", "V;PST;3")


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("name,country\nBerlin,Germany\n", ("name", "country")),
        ("Stadt,Einwohner\nBerlin,3769495\nParis,2102650\n", ("Stadt", "Einwohner")),
        ("lemma,form,tags\ngehen,ging,V;PST\n", ("lemma", "form", "tags")),
        ("when,what\n2026-01-02,rain\n", ("when", "what")),
        ("Berlin,Germany\nParis,France\n", ("1", "2")),
        ("Berlin,3769495\nParis,2102650\n", ("1", "2")),
        ("name,Germany\nname,France\n", ("1", "2")),
        ("word,word\none,two\n", ("1", "2")),
        ("name, country\nBerlin, Germany\n", ("name", "country")),
    ],
)
def test_a_header_is_recognised_and_told(text: str, columns: tuple[str, ...]) -> None:
    table = table_of(text, "1")
    assert table.columns == columns
    what = "a row, not a header" if columns == ("1", "2") else "the names of its columns"
    assert table.notes[0].startswith(f"line 1 of t.csv is taken as {what}: ")
    assert len(rows_of(table)) == text.count("\n") - (columns != ("1", "2"))


def test_a_name_says_that_there_is_a_header() -> None:
    table = table_of("Berlin,Germany\nParis,France\n", "Germany")
    assert (table.columns, table.notes) == (("Berlin", "Germany"), ())
    assert rows_of(table) == [("Paris", "France")]
    years = table_of("2024,2025\n1,2\n", "2025")
    assert rows_of(years) == [("1", "2")]


def test_blanks_after_the_delimiter_belong_to_no_field() -> None:
    text = 'name, country\nBerlin, "Germany, Europe"\n'
    assert rows_of(table_of(text, "name")) == [("Berlin", "Germany, Europe")]
    assert rows_of(table_of("a, b\nc,d\n")) == [("a", " b"), ("c", "d")]


def test_without_quotes_a_quote_is_a_character() -> None:
    table = table_of('name\tsaid\nOwl\t"Who\nFox\t"I"\n', "name", has_quotes=False)
    assert rows_of(table) == [("Owl", '"Who'), ("Fox", '"I"')]
    assert "quotes around fields of t.csv are kept" in table.notes[-1]
    assert len(table_of('a\tb\n"x\t"\n', "a", has_quotes=False).notes) == 1


def test_rows_are_numbered_by_the_line_that_they_begin_in() -> None:
    table = table_of('a,b\n\n"1\n2\n3",x\n\n4,y\n', "a")
    assert list(table.rows([1, 0])) == [(3, ("x", "1\n2\n3")), (7, ("y", "4"))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n\n1,2,3\n", "t.csv: line 4 has 3 fields instead of 2"),
        ("a,b\n1,2\n1\n", "t.csv: line 3 has 1 field instead of 2"),
        ('a,b\n1,"2\n3,4\n5,6\n', "t.csv: line 2: the quote that opens here never closes"),
        ('a,b\n1,"2\n3,4\n5,"6"\n', "t.csv: line 2: the quote that opens here never closes"),
        ('a,b\n"1\n1","2\n3,4\n', "t.csv: line 3: the quote that opens here never closes"),
        ('a,b\n1,"2', "t.csv: line 2: the quote that opens here never closes"),
        ('a,b\n1,"2"3\n', "t.csv: line 2: more text comes after the quote that closes a field"),
        ('a,b\n1" ""x,"2\n3,4\n', "t.csv: line 2: the quote that opens here never closes"),
        ('a,b\n"1""","2\n""\n"\n"3""4","5" 6"\n', "t.csv: line 5: more text comes after the "
         "quote that closes a field"),
        ("", "t.csv has no rows"),
        ("\n\n", "t.csv has no rows"),
    ],
    ids=lambda value: value[-30:],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        rows_of(table_of(text, "a", size=2**20))
    assert caught.value.message == message
    assert caught.value.hint


def test_a_field_without_end_is_not_read_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_MAX_FIELD", 1000)
    with pytest.raises(DatasetError, match=r"line 2: a field has over 1,000 .*quote missing\?"):
        rows_of(table_of('a,b\n1,"2\n' + "3,4\n" * 1000, "a"))
    assert len(rows_of(table_of(f"a,b\n1,{'2' * 1000}\n", "a"))) == 1


def test_a_label_that_is_a_number_is_no_name_of_a_column() -> None:
    text = "Ban\t1\nBala\t2\nBaret\t1\n"

    table = DelimitedTable("t.tsv", lambda: iter([text]), ("1", "2"), "\t")

    assert table.columns == ("1", "2")
    assert [row for _, row in table.rows((0, 1))] == [("Ban", "1"), ("Bala", "2"), ("Baret", "1")]
