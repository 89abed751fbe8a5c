"""`attn evaluate` with an encoder-decoder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from attn_cli.cli.pair_report import aligned
from tests.conftest import Outcome, Trained, train_in

Attn = Callable[..., Outcome]
# Of the first source, one of its two targets is written; the last two cannot be.
TABLE = "facade\tedacaf\nfacade\tx\nab\tba\nfed\tdff\nbade\tabc\n"


def test_accuracy_and_error_rate_are_of_sources(attn: Attn, trained_translator: Trained) -> None:
    Path("test.tsv").write_text(TABLE, encoding="utf-8")
    run = trained_translator.run.path
    got = attn("evaluate", "test.tsv", "--run", run, "--errors", "9", "--json").json
    assert (got["run"], got["examples"], got["accuracy"]) == (str(run), 4, 0.5)
    assert got["error_rate"] == (1 + 3) / (6 + 2 + 3 + 3)
    assert {"loss", "bits_per_char", "perplexity", "chars"} < got.keys()
    assert got["errors"] == [
        {"source": "bade", "output": "edab", "target": "abc", "edits": 3},
        {"source": "fed", "output": "def", "target": "dff", "edits": 1},
    ]


def test_errors_are_shown_aligned(attn: Attn, trained_translator: Trained) -> None:
    Path("test.tsv").write_text(TABLE, encoding="utf-8")
    out = attn("evaluate", "test.tsv", "--run", trained_translator.run.path, "--errors", "2").out
    assert "accuracy    50.0% (95 % interval 15.0% to 85.0%), error rate 28.57%, 4 examples" in out
    assert "source  fed\noutput  def\ntarget  dff\n         ^\n" in out


def test_pairs_that_do_not_fit_are_counted(attn: Attn, trained_translator: Trained) -> None:
    Path("long.tsv").write_text(f"ab\tba\n{'a' * 99}\tx\n", encoding="utf-8")
    outcome = attn("evaluate", "long.tsv", "--run", trained_translator.run.path, "--json")
    assert (outcome.json["examples"], outcome.json["left_out"]) == (1, 1)


def test_an_alignment_has_gaps_where_something_is_missing() -> None:
    assert aligned(list("abcd"), list("xbd")) == [("a", "x"), ("b", "b"), ("c", ""), ("d", "d")]
    assert aligned([], ["aː"]) == [("", "aː")]


def test_the_validation_split_is_measured_without_a_file(
    attn: Attn, trained_translator: Trained
) -> None:
    got = attn("evaluate", "--run", trained_translator.run.path, "--json").json
    evaluation = trained_translator.result.evaluation
    assert evaluation is not None
    assert got["accuracy"] == evaluation.metrics["val_accuracy"]
    assert got["loss"] == pytest.approx(evaluation.loss, rel=1e-4)


def test_a_folder_of_runs_is_measured_together(
    attn: Attn, trained_translator: Trained, tmp_path: Path
) -> None:
    group = tmp_path / "group"
    group.mkdir()
    for seed in (1, 2):
        (group / f"seed-{seed}").symlink_to(trained_translator.run.path)
    alone = attn("evaluate", "--run", trained_translator.run.path, "--json").json
    both = attn("evaluate", "--run", group, "--json").json
    assert both["run"] == str(group)
    assert len(both["runs"]) == 2
    assert both["accuracy"] == alone["accuracy"]
    assert both["loss"] == pytest.approx(alone["loss"], rel=1e-3)


@pytest.mark.parametrize("command", [("evaluate",), ("generate", "ab")])
def test_runs_of_different_vocabularies_are_not_averaged(
    attn: Attn, trained_translator: Trained, tmp_path: Path, command: tuple[str, ...]
) -> None:
    group = tmp_path / "group"
    group.mkdir()
    (group / "seed-1").symlink_to(trained_translator.run.path)
    (tmp_path / "digits.tsv").write_text("".join(f"{n}\t{n}\n" for n in range(100, 160)))
    settings = ("task=seq2seq", "data.tokenizer=corpus", "train.steps=2")
    train_in(group / "seed-2", tmp_path / "digits.tsv", *settings)
    outcome = attn(*command, "--run", group)
    assert outcome.code == 2
    assert "have different vocabularies" in outcome.err


@pytest.mark.parametrize("option", ["--per-char", "--svg=f.svg"])
def test_what_is_of_other_tasks_is_refused(
    attn: Attn, trained_translator: Trained, option: str
) -> None:
    outcome = attn("evaluate", option, "--run", trained_translator.run.path)
    assert outcome.code == 2
    assert "is an encoder-decoder" in outcome.err


def test_errors_are_of_targets_alone(attn: Attn, trained: Trained) -> None:
    outcome = attn("evaluate", "--errors", "3", "--run", trained.run.path)
    assert outcome.code == 2
    assert "--errors needs an encoder-decoder" in outcome.err
