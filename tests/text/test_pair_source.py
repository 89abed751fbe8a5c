import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from attn_cli.errors import DatasetError
from attn_cli.text.read_options import ReadOptions
from attn_cli.text.sources import Source, open_source

ROWS = [
    ("gehen", "V;PST", "ging", "geh"),
    ("sehen", "V;PRS;3", "sieht", "seh"),
    ("Hand", "N;PL", "Hände", "hand"),
]
NAMES = ("lemma", "tags", "form", "stem")
GING = "gehen\x1f[V]\x1f\x1f[PST]\x1f\tging"


def options(**named: Any) -> ReadOptions:
    return ReadOptions(lines=True, pairs=True, **named)


def write(folder: Path, name: str, *, header: bool = True) -> Path:
    path = folder / name
    if path.suffix == ".jsonl":
        rows = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".parquet":
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        columns = dict(zip(NAMES, map(list, zip(*ROWS, strict=True)), strict=True))
        parquet.write_table(pyarrow.table(columns), path)
    else:
        sign = "," if path.suffix == ".csv" else "\t"
        lines = [NAMES, *ROWS] if header else ROWS
        path.write_text("".join(f"{sign.join(row)}\n" for row in lines), encoding="utf-8")
    return path


def lines_of(source: Source) -> list[str]:
    return "".join(source.chunks()).split("\n")


@pytest.mark.parametrize("name", ["a.tsv", "a.csv", "a.txt", "a.jsonl", "a.parquet"])
def test_columns_by_name(tmp_path: Path, name: str) -> None:
    named = options(column="lemma", features=("tags",), target="form")
    source = open_source([str(write(tmp_path, name))], options=named)
    assert lines_of(source)[0] == GING
    assert len(lines_of(source)) == 3


@pytest.mark.parametrize(
    ("named", "first"),
    [
        ({}, "gehen\tV;PST"),
        ({"features": ("2",)}, GING),
        ({"target": "1"}, "V;PST\tgehen"),
        ({"column": "3"}, "ging\tgehen"),
        ({"column": "4", "features": ("2",), "target": "3"}, GING.replace("gehen", "geh")),
        ({"column": ("1", "4"), "target": "3"}, "gehen\x1f[⇥]\x1fgeh\tging"),
        ({"features": ("2", "4"), "target": "3"}, GING.replace("\tging", "\x1f[geh]\x1f\tging")),
    ],
)
def test_columns_that_are_not_named(tmp_path: Path, named: dict[str, Any], first: str) -> None:
    path = write(tmp_path, "a.tsv", header=False)
    assert lines_of(open_source([str(path)], options=options(**named)))[0] == first


def test_columns_of_usual_names(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "7", "target": "x", "source": "y"}\n' * 2, encoding="utf-8")
    assert lines_of(open_source([str(path)], options=options())) == ["y\tx"] * 2


def test_a_folder_of_tables_and_a_data_set_by_its_path(tmp_path: Path) -> None:
    for name in ("a.tsv", "b.tsv"):
        write(tmp_path, name)
    named = options(features=("tags",), target="form")
    for name, columns in ((str(tmp_path), options(**vars_of(named), column="lemma")),):
        assert len(lines_of(open_source([name], options=columns))) == 6
    lines = lines_of(open_source([f"hf:{tmp_path}:lemma"], options=named))
    assert lines == [*lines[:3]] * 2
    assert lines[0] == GING


def vars_of(named: ReadOptions) -> dict[str, Any]:
    return {"features": named.features, "target": named.target}


def test_a_second_file_is_read_as_the_first(tmp_path: Path) -> None:
    phonemes, few = tmp_path / "a.tsv", tmp_path / "b.tsv"
    phonemes.write_text("afar\taː v a r\naf\taː v\n", encoding="utf-8")
    few.write_text("stræti\tstraiːtɪ x\n", encoding="utf-8")
    source = open_source([str(phonemes), str(few)], options=options())
    assert lines_of(source) == [
        "afar\t\x1faː\x1fvar",
        "af\t\x1faː\x1fv",
        "stræti\t\x1fstraiːtɪ\x1fx",
    ]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("afar\taː v a r\naf\taː v\n", {}),
        ("gehen\tging\tV;PST\nab\tab\t\n", {"features": ("3",)}),
        ("a\tb\tc d\te\n", {"column": ("1", "2"), "features": ("4",), "target": "3"}),
        ('{"y": "b\\tc\\n\\u001fd", "x": "a;b"}\n', {"column": "x", "target": "y"}),
    ],
)
def test_standard_input_is_the_same_where_it_was_saved(
    tmp_path: Path, text: str, named: dict[str, Any]
) -> None:
    read = options(**named)
    source = open_source(["-"], io.BytesIO(text.encode()), read)
    assert source.pair_format is not None
    saved = tmp_path / "text.jsonl"
    saved.write_text("".join(source.json_lines()), encoding="utf-8")
    again = read.resolved(source.pair_format)
    assert lines_of(open_source([str(saved)], options=again)) == lines_of(source)


def test_the_notes_say_what_was_taken_and_how_to_change_it(tmp_path: Path) -> None:
    def notes(text: str, **named: Any) -> Sequence[str]:
        path = tmp_path / "a.tsv"
        path.write_text(text, encoding="utf-8")
        source = open_source([str(path)], options=options(**named))
        list(source.chunks())
        return [note.replace(str(path), "FILE") for note in source.notes() if "line 1" not in note]

    assert notes("afar\taː v a r\n") == [
        "pairs of FILE: source is column 1; target is column 2, in words between blanks, such as "
        "aː v a r (to change it: data.column, data.target, data.target_tokens)"
    ]
    (pairs, hint) = notes("gehen\tging\tV;PST\n")
    assert pairs == (
        "pairs of FILE: source is column 1; target is column 2 "
        "(to change it: data.column, data.target, data.target_tokens)"
    )
    assert hint.endswith("(V;PST); to give them to the model with the source: data.features=3")
    assert notes("lemma\tform\ttags\ngehen\tging\tV;PST\n", column="lemma", features=("tags",)) == [
        "pairs of FILE: source is column lemma with the features of tags; target is column form "
        "(to change it: data.column, data.features, data.target, data.target_tokens)"
    ]


def test_tabs_and_line_breaks_in_a_field_become_spaces(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": "x\\ty", "b": "1\\n\\u001f2"}\n{"a": null, "b": ""}\n', encoding="utf-8")
    source = open_source([str(path)], options=options())
    assert lines_of(source) == ["x y\t1 2"]
    assert f"left out of {path}: empty rows (1)" in source.notes()
    assert f"tabs and line breaks in 1 row of {path} became spaces" in source.notes()


@pytest.mark.parametrize(
    ("text", "named", "message"),
    [
        ("a\tb\nc\n", {}, "FILE: line 2 has 1 field instead of 2"),
        ("a\nb\n", {}, "the first row of FILE has 1 field: there is none for the target"),
        ("a\tb\nc\t\n", {}, "FILE: line 2: column 2 is empty"),
        ("a\tb\nc\t  \n", {}, "FILE: line 2: the target is blank"),
        ("a\tb\n \tc\n", {}, "FILE: line 2: the source is blank"),
        ("x\ty\na\tb\n", {"target": "z"}, "FILE has no column 'z'; it has x, y"),
        ("x\ty\na\tb\n", {"features": ("7",)}, "FILE has no column '7'; it has 1, 2"),
        ("a\tb\n", {"target": "2", "features": ("2",)}, "column 2 of FILE is named twice"),
        ("a\tb\n", {"features": ("2",)}, "the first row of FILE has 2 fields: there is none for"),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path, text: str, named: dict[str, Any], message: str
) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError) as caught:
        list(open_source([str(path)], options=options(**named)).chunks())
    assert caught.value.message.replace(str(path), "FILE").startswith(message)
    assert "\n" not in caught.value.message
