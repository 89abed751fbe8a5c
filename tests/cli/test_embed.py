"""`attn embed`: a row for each line, whatever the format, and what is told of it."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from attn_cli.api.load import load
from tests.conftest import Outcome, Trained

Attn = Callable[..., Outcome]

LINES = ["The fox", "They sat and", "", "The owl", "t"]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines.txt"
    path.write_text("".join(f"{line}\n" for line in LINES), encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text('class,text\nfox,The fox\nowl,"The\nowl"\nfox,a fox\n', encoding="utf-8")
    return path


def read(path: Path) -> tuple[list[dict[str, str]], np.ndarray]:
    """The fields of a CSV or TSV file before the vectors, and the vectors."""
    delimiter, quoting = (",", csv.QUOTE_MINIMAL) if path.suffix == ".csv" else ("\t", 3)
    text = io.StringIO(path.read_text(encoding="utf-8"), newline="")
    rows = list(csv.DictReader(text, delimiter=delimiter, quoting=quoting))
    vectors = [[float(row.pop(f"e{i + 1}")) for i in range(24)] for row in rows]
    return rows, np.array(vectors)


@pytest.mark.parametrize("which", ["trained", "trained_encoder"])
@pytest.mark.parametrize("options", [(), ("--layer", "1", "--pool", "max")])
def test_each_line_has_the_vector_that_python_gives(
    attn: Attn, lines: Path, tmp_path: Path, request: pytest.FixtureRequest,
    which: str, options: tuple[str, ...],
) -> None:  # fmt: skip
    run = request.getfixturevalue(which).run.path
    expected = load(run).embed(LINES, **({"layer": 1, "pool": "max"} if options else {}))
    for ending in ("npz", "csv", "tsv", "parquet"):
        outcome = attn("embed", lines, "--out", f"v.{ending}", "--run", run, *options)
        assert (outcome.code, outcome.out) == (0, f"v.{ending}\n"), outcome.err
        assert "1 text without characters" in outcome.err
    for ending in ("csv", "tsv"):
        rows, vectors = read(tmp_path / f"v.{ending}")
        assert [row["text"] for row in rows] == LINES
        np.testing.assert_allclose(vectors, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(np.load("v.npz")["embeddings"], expected, rtol=1e-5, atol=1e-5)
    parquet = pytest.importorskip("pyarrow.parquet").read_table("v.parquet").to_pydict()
    assert parquet["text"] == LINES
    np.testing.assert_allclose(parquet["embedding"], expected, rtol=1e-5, atol=1e-5)


def test_each_character_has_a_row_with_its_place(
    attn: Attn, lines: Path, tmp_path: Path, trained: Trained
) -> None:
    options = ("--level", "char", "--run", trained.run.path, "--json")
    assert attn("embed", lines, "--out", "v.csv", *options).json["rows"] == len("".join(LINES))
    attn("embed", lines, "--out", "v.npz", *options)
    expected = np.concatenate(load(trained.run.path).embed(LINES, level="char"))
    places = [(n, i, char) for n, text in enumerate(LINES, 1) for i, char in enumerate(text)]
    rows, vectors = read(tmp_path / "v.csv")
    found = [(int(row["line"]), int(row["position"]), row["character"]) for row in rows]
    assert found == places
    np.testing.assert_allclose(vectors, expected, rtol=1e-5, atol=1e-5)
    arrays = np.load("v.npz")
    names = ("line", "position", "character")
    assert list(zip(*(arrays[name].tolist() for name in names), strict=True)) == places
    np.testing.assert_allclose(arrays["embeddings"], expected, rtol=1e-5, atol=1e-5)


def test_a_table_has_texts_and_labels_in_columns(
    attn: Attn, table: Path, tmp_path: Path, trained: Trained
) -> None:
    options = ("--column", "text", "--label", "class", "--run", trained.run.path)
    for ending in ("npz", "tsv"):
        assert attn("embed", table, "--out", f"v.{ending}", *options).code == 0
    rows, vectors = read(tmp_path / "v.tsv")
    assert rows == [
        {"text": "The fox", "label": "fox"},
        {"text": "The owl", "label": "owl"},  # a text of a line
        {"text": "a fox", "label": "fox"},
    ]
    arrays = np.load("v.npz")
    assert arrays["label_names"][arrays["label"]].tolist() == ["fox", "owl", "fox"]
    np.testing.assert_allclose(arrays["embeddings"], vectors, rtol=1e-5, atol=1e-5)


def test_in_a_folder_the_names_of_the_files_are_the_labels(
    attn: Attn, tmp_path: Path, trained_classifier: Trained
) -> None:
    (tmp_path / "animals").mkdir()
    (tmp_path / "animals" / "owl.txt").write_text("The owl\nAn owl\n")
    (tmp_path / "animals" / "fox.txt.gz").write_bytes(gzip.compress(b"The fox\n"))
    run = trained_classifier.run.path
    assert attn("embed", "animals", "--out", "v.csv", "--run", run).code == 0
    rows, vectors = read(tmp_path / "v.csv")
    assert [row["text"] for row in rows] == ["The fox", "The owl", "An owl"]
    assert [row["label"] for row in rows] == ["fox", "owl", "owl"]
    expected = load(run).embed([row["text"] for row in rows])
    np.testing.assert_allclose(vectors, expected, rtol=1e-5, atol=1e-5)


def test_the_first_column_is_the_text_where_none_is_named(
    attn: Attn, table: Path, tmp_path: Path, trained: Trained
) -> None:
    assert attn("embed", table, "--out", "v.tsv", "--run", trained.run.path).code == 0
    assert [row["text"] for row in read(tmp_path / "v.tsv")[0]] == ["fox", "owl", "fox"]


def test_standard_input_is_read_as_a_file_is(attn: Attn, lines: Path, trained: Trained) -> None:
    outcomes = [
        attn("embed", name, "--neighbours", "2", "--run", trained.run.path, stdin=stdin)
        for name, stdin in ((lines, b""), ("-", lines.read_bytes()))
    ]
    assert outcomes[0].out == outcomes[1].out != ""


def test_what_is_too_long_is_cut_and_told_and_what_is_unknown_as_well(
    attn: Attn, tmp_path: Path, trained: Trained
) -> None:
    (tmp_path / "long.txt").write_text("The fox met the owl. The owl\nThe fox mét the fox\nowl\n")
    options = ("--out", "v.npz", "--run", trained.run.path)
    outcome = attn("embed", "long.txt", *options, "--json")
    assert outcome.json["texts_cut"] == 2
    assert "2 texts cut to 16 characters" in outcome.err
    assert "1 character outside the vocabulary was changed: 'é' as 'e'" in outcome.err
    model = load(trained.run.path)
    expected = model.embed(["The fox met the ", "The fox met the ", "owl"])
    np.testing.assert_allclose(np.load("v.npz")["embeddings"], expected, rtol=1e-5, atol=1e-5)


def test_neighbours_are_the_most_similar_other_texts(attn: Attn, trained: Trained) -> None:
    stdin = b"The owl met\nThe owl sat\nThe owl met\nzzzz\n"
    options = ("embed", "-", "--neighbours", "2", "--run", trained.run.path)
    lists = attn(*options, "--json", stdin=stdin).json["neighbours"]
    assert [each["text"] for each in lists] == ["The owl met", "The owl sat", "zzzz"]
    first = lists[0]["nearest"]
    assert [near["text"] for near in first] == ["The owl sat", "zzzz"]
    assert 1 >= first[0]["similarity"] >= first[1]["similarity"] >= -1
    printed = attn(*options, stdin=stdin).out.splitlines()
    assert printed[0].startswith(f"The owl met  The owl sat {first[0]['similarity']:.2f}  zzzz ")


def test_a_page_shows_the_texts_and_only_a_page_is_replaced(
    attn: Attn, table: Path, tmp_path: Path, trained: Trained
) -> None:
    command = ("embed", table, "--column", "text", "--label", "class", "--run", trained.run.path)
    outcome = attn(*command, "--html", "points.html")
    assert (outcome.code, outcome.out) == (0, "points.html\n"), outcome.err
    page = (tmp_path / "points.html").read_text(encoding="utf-8")
    assert '"texts":["The fox","The owl","a fox"]' in page
    assert str(trained.run.path.parent) not in page
    assert attn(*command, "--html", "points.html", "--json").json["page"] == "points.html"
    outcome = attn(*command, "--html", table.name)
    assert outcome.code == 2
    assert "is not a page of attn" in outcome.err


@pytest.mark.parametrize("ending", ["npz", "csv", "tsv", "parquet"])
def test_only_a_file_of_vectors_is_replaced(
    attn: Attn, lines: Path, tmp_path: Path, trained: Trained, ending: str
) -> None:
    out = tmp_path / f"v.{ending}"
    command = ("embed", lines, "--out", out.name, "--run", trained.run.path)
    assert attn(*command).code == attn(*command).code == 0
    out.write_text("text,and,not,vectors\n")
    outcome = attn(*command)
    assert outcome.code == 2
    assert f"{out.name} exists, and is not a file of vectors by attn" in outcome.err
    assert out.read_text() == "text,and,not,vectors\n"
    assert {path.name for path in tmp_path.iterdir()} == {"lines.txt", out.name}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lines.txt",), "nothing to do with the vectors"),
        (("lines.txt", "--out", "v.txt"), "v.txt ends in none of .npz, .csv, .tsv, .parquet"),
        (("lines.txt", "--out", "no/v.npz"), "there is no folder no"),
        (("lines.txt", "--out", "v.npz", "--layer", "3"), "--layer 3 is not from 0 to 2"),
        (("lines.txt", "--out", "v.npz", "--level", "char", "--pool", "max"), "--pool max makes"),
        (("lines.txt", "--neighbours", "1", "--level", "char"), "--neighbours compares texts"),
        (("empty.txt", "--out", "v.npz"), "empty.txt is empty"),
        (("nothing.txt", "--out", "v.npz"), "'nothing.txt'"),
        (("table.csv", "--out", "v.npz", "--label", "kind"), "table.csv has no column 'kind'"),
        (("-", "--out", "v.npz", "--label", "2"), "--label names a column, and - is no table"),
        (("tab.txt", "--out", "v.tsv"), "a tab, which TSV cannot hold, is in 'a\\tb'"),
        (("russian.txt", "--out", "v.npz"), "over 5% of the characters of russian.txt"),
    ],
)
def test_wrong_input_has_a_line_and_leaves_no_file(
    attn: Attn, lines: Path, table: Path, tmp_path: Path, trained: Trained,
    arguments: tuple[str, ...], message: str,
) -> None:  # fmt: skip
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "tab.txt").write_text("a\tb\n")
    (tmp_path / "russian.txt").write_text("лиса и сова\n", encoding="utf-8")
    before = set(tmp_path.iterdir())
    outcome = attn("embed", *arguments, "--run", trained.run.path)
    assert outcome.code == 2
    assert message in outcome.err
    assert set(tmp_path.iterdir()) == before


def test_without_a_run_or_with_a_run_for_a_text_it_says_so(
    attn: Attn, lines: Path, trained: Trained
) -> None:
    outcome = attn("embed", lines, "--out", "v.npz")
    assert (outcome.code, "attn train" in outcome.err) == (2, True)
    outcome = attn("embed", trained.run.path, "--out", "v.npz")
    assert (outcome.code, "is a run, not a text" in outcome.err) == (2, True)


def test_more_texts_than_can_be_compared_are_refused(
    attn: Attn, lines: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attn_cli.cli.embed.MAX_COMPARED", 4)
    outcome = attn("embed", lines, "--neighbours", "1", "--run", trained.run.path)
    assert outcome.code == 2
    assert "more than 4 texts" in outcome.err
    assert "shuf -n 4" in outcome.err
