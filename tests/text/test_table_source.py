"""`hf:PATH:COLUMN`, with the real libraries: the same rows from every kind of file."""

import csv
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from attn_cli.errors import AttnError, DatasetError, MissingPackageError
from attn_cli.text.encoded_text import load_text
from attn_cli.text.read_options import ReadOptions
from attn_cli.text.sources import Source, open_source
from attn_cli.text.table_source import hint_on_table

ROWS = ["First.\r\nRow", None, "", "second, with a comma\f", 'thïrd "quoted"', "NA", "007"]
JOINED = 'First.\nRow\fsecond, with a comma\fthïrd "quoted"\fNA\f007'

slow = pytest.mark.slow  # imports what takes a while


def text_of(source: Source) -> str:
    return "".join(source.chunks())


def error_of(name: str | Path) -> AttnError:
    with pytest.raises(DatasetError) as caught:
        text_of(open_source([str(name)]))
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


def write_rows(path: Path, rows: list[str | None] = ROWS) -> Path:
    """Rows in a file, or for a name without an ending a folder by `save_to_disk`."""
    numbers = list(range(len(rows)))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.table({"id": numbers, "text": rows}), path)
    elif path.suffix == ".jsonl":
        records = ({"id": number, "text": row} for number, row in zip(numbers, rows, strict=True))
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("id", "text"), *zip(numbers, rows, strict=True)])
    else:
        import datasets

        datasets.disable_progress_bars()
        datasets.Dataset.from_dict({"id": numbers, "text": rows}).save_to_disk(path)
    return path


KINDS = ("d.parquet", "d.jsonl", "d.csv", "d")


@slow
@pytest.mark.parametrize("kind", KINDS)
class TestKinds:
    def test_rows_are_documents(self, tmp_path: Path, kind: str) -> None:
        path = write_rows(tmp_path / kind)
        source = open_source([f"hf:{path}:text"])
        assert text_of(source) == JOINED
        assert source.notes() == [f"left out of {path}: rows without text (2)"]
        assert text_of(source) == JOINED, "can be read again"
        assert source.notes() == [f"left out of {path}: rows without text (2)"]
        assert (source.names, source.name) == ((f"hf:{path}:text",), "d")

    def test_a_column_that_is_not_there(self, tmp_path: Path, kind: str) -> None:
        path = write_rows(tmp_path / kind)
        error = error_of(f"hf:{path}:texts")
        assert error.message == f"{path} has no column 'texts'; it has id, text"
        assert error.hint == "did you mean text?"
        assert error_of(f"hf:{path}").message == f"{path}: no column is named; it has id, text"

    def test_a_column_by_its_number(self, tmp_path: Path, kind: str) -> None:
        path = write_rows(tmp_path / kind)
        assert text_of(open_source([f"hf:{path}:2"])) == JOINED

    def test_a_line_for_each_row(self, tmp_path: Path, kind: str) -> None:
        path = write_rows(tmp_path / kind, ["one", "two\nlines\f", "three", ""])
        source = open_source([str(path)], options=ReadOptions(column="text", lines=True))
        assert text_of(source) == "one\ntwo lines\nthree"
        assert source.names == (str(path),)
        assert f"line breaks in 1 field of {path} became spaces" in source.notes()


@pytest.mark.parametrize("rows", [["\n"], ["\n", "one\n", "\f\n"], ["\n", "one\n\ntwo"]])
def test_a_row_of_line_breaks_is_no_line(tmp_path: Path, rows: list[str | None]) -> None:
    path = write_rows(tmp_path / "d.csv", rows)
    source = open_source([str(path)], options=ReadOptions(column="text", lines=True))
    lines = [row.strip("\n\f").replace("\n\n", " ") for row in rows if row and row.strip("\n\f")]
    assert text_of(source) == "".join(lines)
    assert f"left out of {path}: rows without text ({len(rows) - len(lines)})" in source.notes()
    assert any("became spaces" in note for note in source.notes()) == (" " in "".join(lines))


@slow
class TestFolders:
    def test_files_in_the_order_of_their_paths(self, tmp_path: Path) -> None:
        for name in ("b.parquet", "a/2.csv", "a/1.jsonl", ".hidden/x.csv", "C.csv"):
            write_rows(tmp_path / name, [name])
        (tmp_path / "README.md").write_text("not of it")
        assert (
            text_of(open_source([f"hf:{tmp_path}:text"])) == "C.csv\fa/1.jsonl\fa/2.csv\fb.parquet"
        )

    def test_of_several_splits_it_is_train(self, tmp_path: Path) -> None:
        for name in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"):
            write_rows(tmp_path / "data" / f"{name}.parquet", [name])
        source = open_source([f"hf:{tmp_path}:text"])
        assert text_of(source) == "train-00000-of-00002\ftrain-00001-of-00002"
        (tmp_path / "README.md").write_text("not of it")
        source = open_source([f"hf:{tmp_path}:text"])
        assert source.notes() == [
            f"left out of {tmp_path}: files of other splits than train (1), "
            "files that are no tables (1)"
        ]

    def test_of_several_saved_splits_it_is_train(self, tmp_path: Path) -> None:
        import datasets

        datasets.disable_progress_bars()
        parts = {name: datasets.Dataset.from_dict({"text": [name]}) for name in ("test", "train")}
        datasets.DatasetDict(parts).save_to_disk(tmp_path / "d")
        assert text_of(open_source([f"hf:{tmp_path}/d:text"])) == "train"
        assert text_of(open_source([f"hf:{tmp_path}/d/test:text"])) == "test"
        shutil.rmtree(tmp_path / "d" / "train")
        assert "has no split train; it has test, train" in error_of(f"hf:{tmp_path}/d:text").message

    def test_without_any(self, tmp_path: Path) -> None:
        message = f"the folder {tmp_path} contains no table"
        assert error_of(f"hf:{tmp_path}:text").message == message


@slow
def test_a_colon_in_a_path_and_a_run_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows(tmp_path / "C:stories" / "d.csv", ["one", "two"])
    monkeypatch.chdir(tmp_path)
    source = open_source(["hf:C:stories/d.csv:text"])
    assert text_of(source) == "one\ftwo"
    assert source.names == (f"hf:{tmp_path}/C:stories/d.csv:text",)
    assert error_of("hf:C:stories/d.csv").message.endswith("is named; it has id, text")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert text_of(open_source(["hf:~/C:stories/d.csv:text"])) == "one\ftwo"


@slow
@pytest.mark.parametrize("name", ["bad.parquet", "bad.jsonl", "bad.csv"])
def test_a_damaged_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b'{"text": "unfinished\n\x00"')
    assert str(path) in error_of(f"hf:{path}:text").message
    path.write_bytes(b"")
    assert error_of(f"hf:{path}:text").message == f"{path} has no rows"


@slow
def test_json_lines_of_every_shape(tmp_path: Path) -> None:
    """What looks like a time is text, and rows may have other columns or none."""
    rows = [{"text": "2026-01-01"}, {"text": None}] * 300 + [{"id": 1}, {"text": "two", "id": "x"}]
    path = tmp_path / "d.jsonl"
    path.write_text("\n\n".join(map(json.dumps, rows)), encoding="utf-8-sig")
    source = open_source([f"hf:{path}:text"])
    assert text_of(source) == "2026-01-01\f" * 300 + "two"
    assert source.notes() == [f"left out of {path}: rows without text (301)"]


@slow
def test_words_of_digits_in_a_column_of_words(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    rows = ["word"] * 12_000 + ["007"] * 12_000
    path.write_text("text\n" + "\n".join(rows))
    assert text_of(open_source([f"hf:{path}:text"])) == "\f".join(rows)


@slow
@pytest.mark.parametrize("name", ["hf:", "hf:nowhere:text", "hf:nowhere", "hf:::"])
def test_what_names_no_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    error = error_of(name)
    assert error.hint == "give hf:PATH:COLUMN, as in hf:books.parquet:text"


@slow
def test_the_text_of_a_run_is_known_again(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "d.parquet", ["one"] * 50)
    known = load_text([f"hf:{path}:text"], "printable")
    copy = write_rows(tmp_path / "copy.jsonl", ["one"] * 50)
    again = load_text([f"hf:{copy}:text"], "printable", expected=(known.sha256, known.chars))
    assert again.sha256 == known.sha256
    write_rows(copy, ["one"] * 51)
    with pytest.raises(DatasetError, match="has changed since training: it is 4 characters longer"):
        load_text([f"hf:{copy}:text"], "printable", expected=(known.sha256, known.chars))


READ = """
import resource, socket, sys
def refuse(*_): raise SystemExit("it went to the network")
socket.socket.connect = socket.getaddrinfo = refuse
from attn_cli.text.sources import open_source
print(sum(map(len, open_source([f"hf:{sys.argv[1]}:text"]).chunks())))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is measured in KiB there")
@pytest.mark.parametrize("kind", ["d.parquet", "d.jsonl", "d.csv"])
def test_memory_does_not_grow_with_the_text_and_nothing_is_fetched(
    tmp_path: Path, kind: str
) -> None:
    """Parquet in a single group of rows, as many libraries write it."""
    words = [random.Random(seed).randbytes(400).hex() for seed in range(500)]

    def peak(times: int) -> int:
        rows: list[str | None] = [f"{word} {i}" for i in range(times) for word in words]
        path = write_rows(tmp_path / str(times) / kind, rows)
        environment = os.environ | {"OMP_NUM_THREADS": "1", "HOME": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", READ, path],
            capture_output=True, text=True, env=environment, check=True,
        )  # fmt: skip
        chars, kibibytes = map(int, done.stdout.split())
        assert chars > 400_000 * times
        return kibibytes * 1024

    # 32 million characters more.
    assert peak(120) - peak(40) < 16 * 2**20


@pytest.mark.parametrize("lines", [1, 2])
def test_a_file_of_one_line_is_not_taken_for_a_table(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "d.json"
    path.write_text("\n".join(['{"id": 1, "name": "Bala"}'] * lines))
    assert len(hint_on_table(path, "utf-8")) == lines - 1


def test_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "books.parquet").touch()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackageError) as caught:
        open_source([f"hf:{tmp_path}/books.parquet:text"])
    assert caught.value.hint == "python -m pip install pyarrow"
    (tmp_path / "state.json").touch()
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingPackageError) as caught:
        open_source([f"hf:{tmp_path}:text"])
    assert caught.value.hint == "python -m pip install datasets"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_columns_of_a_csv_file_may_be_separated_otherwise(
    tmp_path: Path, separator: str
) -> None:
    rows = [("id", "text"), ("1", "one, two; three"), ("2", "four")]
    with (tmp_path / "d.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=separator).writerows(rows)
    source = open_source([f"hf:{tmp_path / 'd.csv'}:text"])
    assert text_of(source) == "one, two; three\ffour"


@pytest.mark.parametrize(
    ("name", "content", "what", "hint"),
    [
        ("d.csv", "text\nnaïve\n".encode("latin-1"), "is not UTF-8", "iconv -f WINDOWS-1252"),
        ("d.jsonl", '{"text": "naïve"}\n'.encode("latin-1"), "is not UTF-8", "iconv"),
        ("d.parquet.gz", b"\x1f\x8b", "is a compressed Parquet table", "decompress it first"),
    ],
)
def test_tables_as_people_have_them(
    tmp_path: Path, name: str, content: bytes, what: str, hint: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=what) as caught:
        text_of(open_source([f"hf:{tmp_path / name}:text"]))
    assert hint in (caught.value.hint or "")
