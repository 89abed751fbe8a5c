import json
from pathlib import Path

import pytest

from attn_cli.errors import DatasetError
from attn_cli.text.records import Record, RecordColumns, RecordReader
from attn_cli.text.tables import open_table

ROWS = [
    {"lemma": "gehen", "features": "V;PST", "form": "ging", "class": 1},
    {"lemma": "", "features": "", "form": "", "class": None},
    {"lemma": "sehen", "features": "V;PRS\r\n", "form": "sieht", "class": 0},
]
RECORDS = [
    Record(("gehen", "V;PST"), "ging", "1"),
    Record(("sehen", "V;PRS\n"), "sieht", "0"),
]


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".parquet":
        pyarrow = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        separator = "\t" if path.suffix == ".tsv" else ","
        values = [[str("" if value is None else value) for value in row.values()] for row in rows]
        lines = [separator.join(each) for each in [list(rows[0]), *values]]
        path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    return path


def read(path: Path, columns: RecordColumns) -> list[Record]:
    return list(RecordReader(open_table(path, "utf-8", columns.names), columns))


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet"])
@pytest.mark.parametrize("columns", [("lemma", "features", "form", "class"), tuple("1234")])
def test_the_same_records_from_every_kind_of_table(
    tmp_path: Path, name: str, columns: tuple[str, ...]
) -> None:
    rows = (
        ROWS if name.endswith(("jsonl", "parquet")) else [*ROWS[:2], {**ROWS[2], "features": "V"}]
    )
    path = write(tmp_path / name, rows)
    wanted = RecordColumns(columns[:2], columns[2], columns[3])
    reader = RecordReader(open_table(path, "utf-8", wanted.names), wanted)
    expected = RECORDS if rows is ROWS else [RECORDS[0], Record(("sehen", "V"), "sieht", "0")]
    assert list(reader) == list(reader) == expected
    assert reader.empty_rows == 1
    assert read(path, RecordColumns(target="form"))[0] == Record((), "ging", None)
    assert read(path, RecordColumns((), None, columns[3]))[1] == Record((), None, "0")


@pytest.mark.parametrize(
    ("name", "unit"), [("t.csv", "line 3"), ("t.jsonl", "line 2"), ("t.parquet", "row 2")]
)
def test_an_empty_field_is_told_with_its_row_and_column(
    tmp_path: Path, name: str, unit: str
) -> None:
    rows: list[dict[str, object]] = [{"a": "x", "b": "y"}, {"a": "x", "b": ""}]
    with pytest.raises(DatasetError) as caught:
        read(write(tmp_path / name, rows), RecordColumns(("a",), "b"))
    assert caught.value.message == f"{tmp_path / name}: {unit}: 'b' is empty"


@pytest.mark.parametrize(
    ("value", "kind"), [(5, "a number"), (True, "true or false"), (["x"], "a list")]
)
def test_what_is_no_text_is_told(tmp_path: Path, value: object, kind: str) -> None:
    path = write(tmp_path / "t.jsonl", [{"a": value, "b": "y"}])
    with pytest.raises(DatasetError) as caught:
        read(path, RecordColumns(target="a"))
    assert caught.value.message == f"{path}: line 1: 'a' is {kind}, not text"
    assert caught.value.hint == "its columns: a, b"


def test_half_a_character_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", [{"a": "ab"}, {"a": "ab\ud83d"}])
    with pytest.raises(DatasetError) as caught:
        read(path, RecordColumns(target="a"))
    assert caught.value.message == f"{path}: line 2: 'a' has half a surrogate pair"


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("name,name,id\na,b,c\n")
    with pytest.raises(DatasetError, match="has 2 columns named 'name'") as caught:
        read(path, RecordColumns(target="name"))
    assert caught.value.hint == "give the number of one of them: 1, 2"
    assert read(path, RecordColumns(target="2"))[-1] == Record((), "b", None)


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [("nam", "did you mean name?"), ("NAME", "did you mean name?"), ("3", "its number from 1")],
)
def test_a_column_that_is_not_there(tmp_path: Path, wanted: str, hint: str) -> None:
    path = write(tmp_path / "t.csv", [{"name": "Berlin", "country": "Germany"}])
    with pytest.raises(DatasetError) as caught:
        read(path, RecordColumns(target=wanted))
    assert caught.value.message == f"{path} has no column {wanted!r}; it has name, country"
    assert hint in (caught.value.hint or "")


def test_a_label_has_single_spaces_and_none_around_it(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", [{"text": "Abe ", "label": " Old\t Norse\n"}])
    assert read(path, RecordColumns(("text",), label="label")) == [
        Record(("Abe ",), None, "Old Norse")
    ]
