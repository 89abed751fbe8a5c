"""Labelled texts: the same examples from tables of every kind and from a folder of labels."""

import gzip
import io
import json
from pathlib import Path

import pytest

from attn_cli.config.schema import Config
from attn_cli.errors import DatasetError
from attn_cli.text import line_labels
from attn_cli.text.corpus import Corpus, load_configured_corpus
from attn_cli.text.encoded_text import load_text
from attn_cli.text.examples import Examples
from attn_cli.text.line_labels import LineLabels
from attn_cli.text.read_options import ReadOptions
from attn_cli.text.sources import open_source
from attn_cli.text.tokenizer import printable_tokenizer

ROWS = [("Abe", "ja"), ("Ito", "ja"), ("Kant", "de"), ("Rilke", "de"), ("Ito", "it"), ("Eco", "it")]
LABELLED = ReadOptions(lines=True, labelled=True)


def load(*names: Path | str, labels: tuple[str, ...] | None = None, **data: object) -> Corpus:
    settings = {"text": [str(name) for name in names], **data}
    config = Config.model_validate({"task": "classify", "data": settings})
    return load_configured_corpus(config, labels=labels)


def examples_of(split: object, corpus: Corpus) -> list[tuple[str, str]]:
    """Each example of a split, with its label."""
    assert isinstance(split, Examples)
    texts = [corpus.tokenizer.decode(split[[i]].joined())[1:-1] for i in range(len(split))]  # type: ignore[index]
    return list(zip(texts, [corpus.labels[label] for label in split.labels], strict=True))


def all_examples(corpus: Corpus) -> list[tuple[str, str]]:
    return [*examples_of(corpus.train, corpus), *examples_of(corpus.validation, corpus)]


def write(path: Path, rows: list[tuple[str, str]] = ROWS) -> Path:
    """Rows in a table of the kind that the name says, or in a folder of labels."""
    if not path.suffix:
        path.mkdir()
        for label in {label for _, label in rows}:
            lines = [text for text, own in rows if own == label]
            (path / f"{label}.txt").write_text("\n".join(lines))
    elif path.suffix == ".jsonl":
        lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
        path.write_text("\n".join(lines))
    elif path.suffix == ".parquet":
        pyarrow = pytest.importorskip("pyarrow")
        records = [{"text": text, "label": label} for text, label in rows]
        pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(records), path)
    else:
        separator = "," if path.suffix == ".csv" else "\t"
        text = "".join(f"{text}{separator}{label}\n" for text, label in rows)
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


KINDS = ("t.tsv", "t.csv", "t.txt", "t.tsv.gz", "t.jsonl", "t.parquet", "folder")


@pytest.mark.parametrize("name", KINDS)
def test_the_same_examples_from_every_kind_of_source(tmp_path: Path, name: str) -> None:
    corpus = load(write(tmp_path / name), validation_fraction=0.3)
    assert corpus.labels == ("de", "it", "ja")
    assert sorted(all_examples(corpus)) == sorted(ROWS)
    assert len(corpus.validation) == 2


def test_standard_input_is_a_table(tmp_path: Path) -> None:
    for name in ("t.tsv", "t.csv", "t.jsonl"):
        stream = io.BytesIO(write(tmp_path / name).read_bytes())
        source = open_source(["-"], stream, LABELLED)
        assert "".join(source.chunks()) == "\n".join(text for text, _ in ROWS)
        labels = source.labels()
        assert labels is not None
        assert [labels.names[label] for label in labels.ids] == [label for _, label in ROWS]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"column": "name", "label": "lang"}, ("Abe", "ja")),
        ({"column": "lang", "label": "name"}, ("ja", "Abe")),
        ({"column": 3}, ("x", "Abe")),
        ({"column": 2}, ("Abe", "0")),
        ({"label": 1}, ("Abe", "0")),
        ({"label": "lang"}, ("0", "ja")),
    ],
)
def test_columns_by_name_and_number(
    tmp_path: Path, columns: dict[str, object], expected: tuple[str, str]
) -> None:
    rows = [("0", "Abe", "ja" if "lang" in columns.values() else "x"), ("1", "Kant", "de")]
    path = tmp_path / "t.csv"
    path.write_text("id,name,lang\n" + "".join(",".join(row) + "\n" for row in rows * 3))
    assert expected in all_examples(load(path, tokenizer="auto", **columns))


def test_several_tables_are_one_data_set(tmp_path: Path) -> None:
    more = [("Mori", "ja"), ("Xu", "zh")]
    both = load(write(tmp_path / "a.tsv"), write(tmp_path / "b.csv", more))
    assert both.labels == ("de", "it", "ja", "zh")
    assert sorted(all_examples(both)) == sorted(ROWS + more)


def test_a_text_without_characters_keeps_the_others_labels(tmp_path: Path) -> None:
    """What a vocabulary lacks may be a whole text, whose line is blank then."""
    rows = [*ROWS, ("Чехов", "ru"), *12 * [("Abel Abelson", "de")]]
    corpus = load(write(tmp_path / "t.tsv", rows), unknown="drop", tokenizer="printable")
    assert sorted(all_examples(corpus)) == sorted([row for row in rows if row[1] != "ru"])


@pytest.mark.parametrize("chunk", [1, 2, 7, 100])
def test_labels_in_chunks(tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_labels, "_CHUNK", chunk)
    assert sorted(all_examples(load(write(tmp_path / "t.tsv")))) == sorted(ROWS)


def test_blank_texts_and_labels_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('text,label\nAbe,ja\n"a\n\nb", de\n  ,de\n,de\nx,\ny,  \n,\nEco ,it\n')
    corpus = load(path)
    assert sorted(all_examples(corpus)) == [("Abe", "ja"), ("Eco", "it"), ("a b", "de")]
    assert corpus.source.notes()[-2:] == [
        f"left out of {path}: rows without a label (2), rows without text (3)",
        f"line breaks in 1 field of {path} became spaces",
    ]


def test_what_identifies_the_data_covers_the_labels(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv")
    known = load(path)
    assert load(write(tmp_path / "again.csv")).sha256 == known.sha256
    for rows in ([*ROWS[:-1], ("Eco", "de")], [*ROWS[:-1], ("Eco", "It")]):
        changed = write(tmp_path / "changed.tsv", rows)
        with pytest.raises(DatasetError, match="has changed since training: it is as long as"):
            load_configured_corpus(
                Config.model_validate({"task": "classify", "data": {"text": str(changed)}}),
                expected=(known.sha256, known.chars),
            )


def test_another_text_to_validate_on(tmp_path: Path) -> None:
    validation = write(tmp_path / "v.tsv", [("Kafka", "cs"), ("Abe", "ja")])
    corpus = load(write(tmp_path / "t.tsv"), validation=str(validation))
    assert corpus.labels == ("cs", "de", "it", "ja")
    assert examples_of(corpus.train, corpus) == ROWS
    assert examples_of(corpus.validation, corpus) == [("Kafka", "cs"), ("Abe", "ja")]


class TestLabelsOfAModel:
    def test_they_number_the_labels(self, tmp_path: Path) -> None:
        corpus = load(write(tmp_path / "t.tsv"), labels=("aa", "de", "ff", "it", "ja"))
        assert corpus.labels == ("aa", "de", "ff", "it", "ja")
        assert sorted(all_examples(corpus)) == sorted(ROWS)

    def test_one_that_it_lacks_is_refused(self, tmp_path: Path) -> None:
        path = write(tmp_path / "t.tsv")
        with pytest.raises(DatasetError) as caught:
            load(path, labels=("de", "ja"))
        assert caught.value.message == (
            f"{path} has 1 label that the model does not know, of 2 examples: 'it'"
        )
        assert "'de', 'ja'" in str(caught.value.hint)


def write_files(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_subfolders_of_files_are_labels(tmp_path: Path) -> None:
    files = {"ja/1.txt": "Abe\n", "ja/2.txt": "Ito\n", "de/1.txt": "Kant\nRilke\n"}
    corpus = load(write_files(tmp_path / "folder", files))
    assert sorted(all_examples(corpus)) == sorted(ROWS[:4])


def error_of(path: Path, **data: object) -> DatasetError:
    with pytest.raises(DatasetError) as caught:
        load(path, **data)
    assert caught.value.hint
    return caught.value


class TestErrors:
    def test_one_label_only(self, tmp_path: Path) -> None:
        error = error_of(write(tmp_path / "t.tsv", [("a", "x"), ("b", "x")]))
        assert error.message == f"all examples of {tmp_path / 't.tsv'} have the same label, 'x'"

    def test_a_folder_with_one_file(self, tmp_path: Path) -> None:
        error = error_of(write(tmp_path / "folder", [("a", "x"), ("b", "x")]))
        assert error.message.endswith("has one label, x")

    @pytest.mark.parametrize(
        ("names", "words"),
        [
            (["train/German.txt", "test/German.txt"], "has splits, such as test, where labels"),
            (["a/pos/1.txt", "a/neg/1.txt"], "unclear which names in"),
            (["pos.txt", "neg/1.txt"], "text files such as pos.txt and neg/1.txt"),
        ],
    )
    def test_folders_whose_labels_are_unclear(
        self, tmp_path: Path, names: list[str], words: str
    ) -> None:
        write_files(tmp_path / "folder", dict.fromkeys(names, "Abe\n"))
        assert words in error_of(tmp_path / "folder").message

    def test_a_column_that_is_not_there(self, tmp_path: Path) -> None:
        path = write(tmp_path / "t.jsonl")
        error = error_of(path, label="lable")
        assert error.message == f"{path} has no column 'lable'; it has text, label"
        assert error.hint == "did you mean label?"

    def test_one_column_and_no_labels(self, tmp_path: Path) -> None:
        path = tmp_path / "t.txt"
        path.write_text("Abe\nKant\n")
        assert error_of(path).message == f"{path} has one column, and no labels"

    def test_the_same_column_twice(self, tmp_path: Path) -> None:
        path = write(tmp_path / "t.jsonl")
        error = error_of(path, column="label", label="2")
        assert error.message == f"the texts and the labels of {path} are the same column, label"

    def test_columns_named_the_other_way_round(self, tmp_path: Path) -> None:
        path = tmp_path / "t.csv"
        path.write_text("label,text\nja,Abe\nde,Kant\n")
        error = error_of(path)
        assert "is named label, the second text" in error.message
        assert error.hint == "set data.column=text and data.label=label"

    def test_a_line_without_a_tab(self, tmp_path: Path) -> None:
        path = tmp_path / "t.tsv"
        path.write_text("Abe\tja\nKant de\nEco\tit\n")
        error = error_of(path)
        assert error.message == f"{path}: line 2 has 1 field instead of 2"
        assert error.hint == "each line has 2 fields, with a tab between"

    def test_an_empty_table(self, tmp_path: Path) -> None:
        path = tmp_path / "t.tsv"
        path.write_text("\n\n")
        assert error_of(path).message == f"{path} has no rows"

    def test_a_text_of_its_own_as_the_label(self, tmp_path: Path) -> None:
        path = write(tmp_path / "t.tsv", [(f"name {i % 7}", str(1000 + i)) for i in range(200)])
        message = error_of(path).message
        assert message.startswith(
            f"{path} has 200 different labels in 200 examples, such as '1000'"
        )
        assert message.endswith("is that the column of labels?")

    def test_more_labels_than_there_can_be(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(line_labels, "MAX_LABELS", 2)
        assert error_of(write(tmp_path / "t.tsv")).message == (
            "there are over 2 different labels, such as 'it'"
        )

    def test_a_built_in_text_without_labels(self) -> None:
        assert error_of(Path("tales")).message == "the built-in text 'tales' has no labels"


def test_a_large_text_is_mapped_from_disk_with_the_same_labels(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv")
    for limit in (0, 2**20):
        text = load_text(
            [str(path)], printable_tokenizer(), in_memory_limit=limit, options=LABELLED
        )
        labels = text.source.labels()
        assert isinstance(labels, LineLabels)
        assert labels.ids.tolist() == [2, 2, 0, 0, 1, 1]


def test_json_lines_are_the_same_data_set(tmp_path: Path) -> None:
    source = open_source([str(write(tmp_path / "t.csv"))], options=LABELLED)
    known = load_text(source, printable_tokenizer())
    (tmp_path / "again.jsonl").write_text("".join(source.json_lines()))
    assert load(tmp_path / "again.jsonl").sha256 == known.sha256


def test_the_built_in_languages_have_labels() -> None:
    corpus = load("languages")
    assert corpus.labels == (
        "bear", "duck", "frog", "mouse", "otter", "owl", "squirrel", "toad",
    )  # fmt: skip
    assert ("hoot", "owl") in all_examples(corpus)
    words = open_source(["languages"], options=ReadOptions(lines=True))
    assert words.labels() is None
    assert "\nhoot\n" in "".join(words.chunks())
