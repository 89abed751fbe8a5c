"""A classifier, as a user meets it: trained on a table, used, measured, looked into."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from attn_cli.runs.checkpoint import read_checkpoint
from tests.conftest import Outcome, Trained

TEXTS = ("Bastin", "Kodelia", "Fla")
Attn = Callable[..., Outcome]


@pytest.fixture
def run(trained_classifier: Trained) -> str:
    return str(trained_classifier.run.path)


def test_it_learns_the_labels(trained_classifier: Trained) -> None:
    evaluations = [line for line in trained_classifier.callback.lines if line.val_loss is not None]

    assert evaluations[-1].val_accuracy is not None
    assert evaluations[-1].val_accuracy > 0.9
    assert evaluations[-1].val_bits_per_char is None
    assert evaluations[-1].chars > 160 * 8  # characters, and not examples


def test_labels_come_in_the_order_of_texts_the_most_probable_first(attn: Attn, run: str) -> None:
    done = attn("classify", *TEXTS, "--run", run, "--json")

    texts = done.json["texts"]
    assert [each["text"] for each in texts] == list(TEXTS)
    for each, ending in zip(texts, ("stin", "delia", "la"), strict=True):
        probs = [label["prob"] for label in each["labels"]]
        assert probs == sorted(probs, reverse=True)
        assert len(probs) == 3
        assert each["labels"][0]["label"] == ending


def test_a_pipe_gets_a_table_with_tabs(attn: Attn, run: str) -> None:
    done = attn("classify", *TEXTS, "--run", run, "--top", "2")

    rows = list(csv.reader(io.StringIO(done.out), delimiter="\t"))
    assert [row[0] for row in rows] == list(TEXTS)
    assert {len(row) for row in rows} == {5}


@pytest.mark.parametrize("how", ["stdin", "file", "table"])
def test_lines_of_a_file_and_of_standard_input_are_texts(
    attn: Attn, run: str, how: str, tmp_path: Path
) -> None:
    alone = attn("classify", *TEXTS, "--run", run, "--json").json["texts"]
    lines = "".join(f"{text}\n" for text in TEXTS)
    path = tmp_path / ("t.tsv" if how == "table" else "t.txt")
    path.write_text(lines.replace("\n", "\tlabel\n") if how == "table" else lines)

    arguments = ("-",) if how == "stdin" else ("--file", str(path))
    stdin = lines.encode() if how == "stdin" else b""
    done = attn("classify", *arguments, "--run", run, "--json", stdin=stdin)

    for each, expected in zip(done.json["texts"], alone, strict=True):
        assert each["text"] == expected["text"]
        for one, other in zip(each["labels"], expected["labels"], strict=True):
            assert one["label"] == other["label"]
            assert one["prob"] == pytest.approx(other["prob"], abs=1e-5)


def texts_of(done: Outcome) -> list[str]:
    assert done.code == 0, done.err
    return [each["text"] for each in done.json["texts"]]


@pytest.mark.parametrize("label", ["data.label=1", "data.column=name"])
def test_files_and_tables_are_read_by_what_the_run_knows(
    attn: Attn, label: str, labelled_file: Path, tmp_path: Path
) -> None:
    rows = [line.split("\t") for line in labelled_file.read_text(encoding="utf-8").splitlines()]
    named = [("ending", "name")] if label == "data.column=name" else []
    table = "".join(f"{label}\t{name}\n" for label, name in [*named, *((y, x) for x, y in rows)])
    (tmp_path / "t.tsv").write_text(table, encoding="utf-8")
    (tmp_path / "t.txt").write_text("Bastin\nFla\n", encoding="utf-8")
    (tmp_path / "other.csv").write_text("who,what\nBastin,x\nFla,y\n", encoding="utf-8")
    settings = ("--set", label, "--set", "model.n_embd=24", "--set", "model.block_size=16")
    if named:
        settings += ("--set", "data.label=ending")
    options = ("--task", "classify", "--steps", "1", "--quiet", "--out", "run", *settings)
    assert attn("train", "t.tsv", *options).code == 0

    def classified(*arguments: str) -> list[str]:
        stdin = b"Bastin\nFla\n"
        return texts_of(attn("classify", *arguments, "--run", "run", "--json", stdin=stdin))

    assert classified("--file", "t.tsv") == [name for name, _ in rows]
    assert classified("--file", "t.txt") == classified("-") == ["Bastin", "Fla"]
    assert classified("--file", "other.csv", "--column", "who") == ["Bastin", "Fla"]


def test_how_a_table_was_read_is_told(attn: Attn, run: str, labelled_file: Path) -> None:
    done = attn("classify", "--file", str(labelled_file), "--run", run)

    assert f"line 1 of {labelled_file} is taken as a row, not a header" in done.err


def test_texts_given_one_by_one_are_read_as_in_training(attn: Attn, run: str) -> None:
    given = attn(
        "classify", "Bastin  ", "\nBas\n\ntin\n", "-", "--run", run, "--json", stdin=b"Fla"
    )

    assert texts_of(given) == ["Bastin", "Bas tin", "Fla"]


def test_evaluation_says_how_sure_it_is_and_what_is_confused(attn: Attn, run: str) -> None:
    record = attn("evaluate", "--run", run, "--json").json
    lines = attn("evaluate", "--run", run).out

    confusion = record["confusion"]
    assert record["examples"] == sum(map(sum, confusion)) == 12
    right = sum(row[index] for index, row in enumerate(confusion))
    assert record["accuracy"] == right / 12
    assert record["accuracy_interval"][0] < record["accuracy"] <= record["accuracy_interval"][1]
    assert record["labels"] == sorted(record["labels"])
    chosen = "this split chose the checkpoint"
    for words in ("accuracy", "95 % interval", chosen, "always predicting", "macro-F1"):
        assert words in lines


@pytest.mark.parametrize(
    ("option", "name", "begin"),
    [
        ("--svg", "a.svg", b"<?xml"),
        ("--png", "a.png", b"\x89PNG"),
        ("--pdf", "a.PDF", b"%PDF"),
    ],
)
def test_the_confusions_are_a_figure(
    attn: Attn, run: str, tmp_path: Path, option: str, name: str, begin: bytes
) -> None:
    done = attn("evaluate", "--run", run, option, name)

    assert done.code == 0, done.err
    assert "accuracy" in done.out
    assert (tmp_path / name).read_bytes().startswith(begin)


def test_another_table_is_measured_by_its_labels(attn: Attn, run: str, tmp_path: Path) -> None:
    table = tmp_path / "more.tsv"
    table.write_text("Bastin\tstin\nKodelia\tdelia\nKodelia\tstin\n", encoding="utf-8")

    record = attn("evaluate", str(table), "--run", run, "--json").json

    assert "chose the checkpoint" not in attn("evaluate", str(table), "--run", run).out
    assert record["examples"] == 3
    assert record["accuracy"] == pytest.approx(2 / 3)


def test_the_evidence_sums_to_the_logit(attn: Attn, run: str) -> None:
    record = attn("inspect-attention", "Bastin", "--run", run, "--json").json
    shown = attn("inspect-attention", "Bastin", "--run", run).out

    assert record["label"] == "stin"
    assert sum(record["probs"].values()) == pytest.approx(1, abs=1e-5)
    assert len(record["shares"]) == len(record["probs_without"]) == len(record["characters"]) == 7
    assert record["probs_without"][0] is None  # the newline before the text
    assert "what speaks for 'stin'" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["classify"], "there is no text to classify"),
        (["classify", "Bastin", "--file", "names.txt"], "exclude each other"),
        (["classify", "--file", "nope.txt"], "nope.txt"),
        (["classify", "Bastin", "--column", "name"], "there is no table"),
        (["generate", "Bastin"], "attn classify"),
        (["fill", "Bas_in"], "attn classify"),
        (["explain", "Bastin"], "attn classify"),
        (["inspect-heads"], "attn classify"),
        (["evaluate", "--per-char"], "attn train TEXT --task lm"),
        (["evaluate", "--svg", "confusion.txt"], "ends in .svg"),
        (["evaluate", "--svg", "nowhere/confusion.svg"], "there is no folder nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_has_its_line(attn: Attn, run: str, arguments: list[str], words: str) -> None:
    done = attn(*arguments, "--run", run)

    assert done.code == 2
    assert words in done.err
    assert len(done.err.strip().splitlines()) <= 2


def test_other_models_classify_nothing(attn: Attn, trained: Trained) -> None:
    done = attn("classify", "Bastin", "--run", str(trained.run.path))

    assert done.code == 2
    assert "attn classify needs a classifier" in done.err


def test_a_classifier_begins_with_an_encoder_of_the_same_texts(
    attn: Attn, names_file: Path, labelled_file: Path, tmp_path: Path
) -> None:
    small = ("--set", "model.n_embd=24", "--set", "model.block_size=16", "--quiet", "--json")
    encoder = attn(
        "train", str(names_file), "--lines", "--task", "mlm", "--steps", "3", *small
    ).json["run"]

    done = attn(
        "train", str(labelled_file), "--task", "classify", "--init-from", encoder, "--steps", "1",
        "--set", "train.learning_rate=1e-9", "--set", "train.min_learning_rate=0",
        "--set", "train.matrix_learning_rate=1e-9",
        "--quiet", "--json",
    )  # fmt: skip

    assert done.code == 0, done.err
    assert done.json["val_examples"] == 12
    assert 0 <= done.json["val_accuracy"] <= 1
    assert "val_bits_per_char" not in done.json
    before, after = (
        read_checkpoint(next((tmp_path / name / "checkpoints").glob("step-*"))).weights
        for name in (encoder, done.json["run"])
    )
    for name in before:
        if not name.startswith("head."):
            assert abs(before[name] - after[name]).max() < 1e-6, name
    assert after["head.weight"].shape == (5, 24)


def test_the_recipe_for_labels_goes_under_what_is_said_of_the_model(
    attn: Attn, names_file: Path, labelled_file: Path, tmp_path: Path
) -> None:
    short = ("--quiet", "--json")
    encoder = attn(
        "train", str(names_file), "--lines", "--task", "mlm", "--steps", "1", "--quiet", "--json"
    ).json["run"]
    begun = (
        ("--init-from", encoder, "--minutes", "0.02"),
        ("--set", "model.n_embd=32", "--minutes", "0.02"),
        ("--init-from", encoder, "--steps", "1"),
    )

    configs = [
        read_checkpoint(next((tmp_path / done.json["run"] / "checkpoints").glob("step-*"))).config
        for done in (
            attn("train", str(labelled_file), "--task", "classify", *options, *short)
            for options in begun
        )
    ]

    for config in configs:
        assert config.model.label_ngrams == [2, 3, 4, 5]
        assert config.train.label_smoothing > 0
    assert configs[1].model.n_embd == 32


def test_a_classifier_begins_with_one_of_other_labels(
    attn: Attn, labelled_file: Path, tmp_path: Path
) -> None:
    short = ("--steps", "1", "--quiet", "--json")
    before = attn("train", str(labelled_file), "--task", "classify", *short).json["run"]
    other = tmp_path / "other.tsv"
    rows = labelled_file.read_text(encoding="utf-8").splitlines()
    other.write_text("".join(f"{row.split()[0]}\t{len(row) % 2}\n" for row in rows))

    done = attn("train", str(other), "--init-from", before, *short)

    assert done.code == 0, done.err
    assert attn("classify", "Bastin", "--run", done.json["run"], "--json").json["texts"][0][
        "labels"
    ][0]["label"] in ("0", "1")


def test_what_is_sampled_are_predictions(trained_classifier: Trained) -> None:
    step, text = trained_classifier.run.last_samples()[-1]

    assert step == 160
    assert len(text.splitlines()) >= 6
    assert all(re.search(r": (stin|delia|ret|la|n) \d+%", line) for line in text.splitlines())
