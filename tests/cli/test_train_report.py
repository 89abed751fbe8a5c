"""What `attn train` says before and after training: the hint for lists, the next step."""

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from attn_cli.cli.train_report import report
from attn_cli.runs.checkpoint import read_checkpoint
from attn_cli.runs.run_corpus import load_run_corpus
from attn_cli.text.baselines import text_baselines
from tests.conftest import Outcome, Trained

Attn = Callable[..., Outcome]

SIZE = ("model.n_layer=1", "model.n_head=1", "model.n_embd=8", "model.block_size=8")
QUICK = ("--steps", "1", *(word for each in SIZE for word in ("--set", each)))
TEXTS = {
    "names": ("emma\nolivia\nava\nisabella\n" * 40, "generate --num-samples 20 --new"),
    "English": ("Hello, said the fox. The owl said nothing. " * 40, 'generate "Hello"'),
    "bases": ("ACGT" * 500, 'generate "ACGTACGTACGTACGT"'),
    "dashes": ("-" * 2000, "generate"),
}


@pytest.mark.parametrize(("text", "expected"), TEXTS.values(), ids=TEXTS)
def test_the_next_step_fits_the_text(attn: Attn, tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "mine.txt").write_text(text, encoding="utf-8")
    lines = ["--lines"] if "--new" in expected else []
    outcome = attn("train", "mine.txt", *lines, *QUICK)
    assert outcome.code == 0, outcome.err
    following = outcome.out.partition("\nnext: ")[2].splitlines()
    assert following[0] == f"attn {expected}"
    if text[0] == "-":  # a shell would take it for an option
        assert len(following) == 1
        return
    (look,) = map(shlex.split, following[1:])
    assert look[:2] == ["attn", "inspect-attention"]
    assert attn(*look[1:]).code == 0
    assert (tmp_path / "attention.html").stat().st_size > 100_000


def test_after_an_interrupt_there_is_one_next_step(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = read_checkpoint(trained.run.best_or_latest())
    corpus, config = load_run_corpus(trained.run, checkpoint), checkpoint.config
    baselines = text_baselines(corpus.tokenizer, corpus.train, corpus.validation)
    report(trained.run, corpus, replace(trained.result, interrupted=True), baselines, config)
    assert "next: " not in capsys.readouterr().out
    report(trained.run, corpus, trained.result, baselines, config)
    assert "next: attn generate" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "hinted"),
    [((), True), (("--lines",), False), (("--set", "data.records=stream"), False)],
)
def test_a_list_gets_a_hint_unless_records_were_named(
    attn: Attn, tmp_path: Path, options: tuple[str, ...], hinted: bool
) -> None:
    (tmp_path / "names.txt").write_text(TEXTS["names"][0], encoding="utf-8")
    outcome = attn("train", "names.txt", *options, *QUICK)
    hint = "  it looks like a list of 160 lines; to learn it line by line: --lines\n"
    assert (hint in outcome.err) == hinted
    (config,) = tmp_path.glob("runs/*/config.yaml")
    assert ("records: lines" in config.read_text()) == ("--lines" in options)
    assert "list" not in attn("train", "--resume").err
