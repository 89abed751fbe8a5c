"""Tables of pairs at the command line: what is read, saved, told and refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome

Attn = Callable[..., Outcome]

LEMMAS = [f"{a}{b}{c}en" for a in "bglst" for b in "aeiou" for c in "klmn"]
ROWS = [
    f"{lemma}\t{lemma[:-2]}{end}\tV;{tags}\n"
    for lemma in LEMMAS
    for tags, end in (("PST;3", "te"), ("PRS;3", "t"))
]
SETTINGS = (
    "--task", "seq2seq", "--steps", "2", "--set", "model.n_embd=16", "--set", "data.features=3",
)  # fmt: skip


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "verbs.tsv"
    path.write_text("".join(ROWS), encoding="utf-8")
    return path


@pytest.mark.parametrize("text", ["verbs.tsv", "-"])
def test_a_run_reads_its_table_again(attn: Attn, table: Path, text: str) -> None:
    stdin = table.read_bytes() if text == "-" else b""
    trained = attn("train", text, *SETTINGS, "--out", "run", stdin=stdin)
    assert trained.code == 0, trained.err
    name = "standard input" if text == "-" else text
    assert (
        f"pairs of {name}: source is column 1 with the features of 3; target is column 2"
        in trained.err
    )
    assert "180 pairs to train on, 20 to validate on" in trained.err
    if text != "-":
        table.unlink()
        table.with_name("verbs.tsv").write_text("".join(ROWS), encoding="utf-8")
    resumed = attn("train", "--resume", "run", "--more-steps", "1")
    assert resumed.code == 0, resumed.err
    assert "180 pairs to train on, 20 to validate on" in resumed.err
    assert "resumed from step 2" in resumed.err


def test_standard_input_is_validated_on_a_table(attn: Attn, table: Path) -> None:
    settings = (*SETTINGS, "--set", "data.validation=verbs.tsv", "--out", "run")
    trained = attn("train", "-", *settings, stdin="".join(ROWS[::2]).encode())
    assert trained.code == 0, trained.err
    assert "100 of 200 validation sources are also training sources" in trained.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "data.features=3"), "data.features is the column of features, which only task"),
        (("--set", "data.target=2"), "data.target is the column of targets, which only task"),
        (("--set", "data.column=[1,2]"), "data.column: only task seq2seq reads several columns"),
        ((*SETTINGS, "--set", "data.too_long=cut"), "data.too_long: a pair is not cut"),
        ((*SETTINGS, "--set", "data.target=form"), "verbs.tsv has no column 'form'"),
        ((*SETTINGS, "--set", "data.target=3"), "column 3 of verbs.tsv is named twice"),
        ((*SETTINGS, "--set", "data.tokenizer=printable"), "data.tokenizer: printable has no sym"),
    ],
)
def test_what_is_refused(attn: Attn, table: Path, arguments: tuple[str, ...], message: str) -> None:
    refused = attn("train", table.name, *arguments)
    assert refused.code == 2
    assert message in refused.err
    assert "Traceback" not in refused.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tb\nc\n", "verbs.tsv: line 2 has 1 field instead of 2"),
        ("a\nb\n", "the first row of verbs.tsv has 1 field: there is none for the target"),
        ("a\tb\nc\t\n", "verbs.tsv: line 2: column 2 is empty"),
        ("a\tb\n" * 9, "all 9 pairs have the same source"),
    ],
)
def test_what_is_wrong_with_a_table(attn: Attn, table: Path, text: str, message: str) -> None:
    table.write_text(text, encoding="utf-8")
    refused = attn("train", table.name, "--task", "seq2seq")
    assert refused.code == 2
    assert refused.err.startswith(f"attn: {message}")


def test_a_built_in_text_without_targets_is_refused(attn: Attn) -> None:
    refused = attn("train", "tales", "--task", "seq2seq")
    assert refused.code == 2
    assert "the built-in text 'tales' has no targets" in refused.err


def test_a_table_without_a_task_may_be_pairs(attn: Attn, table: Path) -> None:
    trained = attn("train", table.name, "--config", "lesson", "--steps", "1")
    assert f"attn train {table.name} --task seq2seq" in trained.err
