"""Labelled texts at the command line: from where they come, and what is told of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.conftest import NAMES, TINY, Outcome

Attn = Callable[..., Outcome]
QUICK = ["--task=classify", "--steps=2", *(f"--set={setting}" for setting in TINY)]
ROWS = [(name.strip(), name.strip()[-1]) for name in NAMES]  # labelled with their last letter
TABLE = "".join(f"{text}\t{label}\n" for text, label in ROWS)


def test_a_folder_of_labels(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "surnames").mkdir()
    for label in {label for _, label in ROWS}:
        names = [text for text, own in ROWS if own == label]
        (tmp_path / "surnames" / f"ends-in-{label}.txt").write_text("\n".join(names))
    outcome = attn("train", "surnames", *QUICK, "--out", "run")
    assert outcome.code == 0, outcome.err
    assert f"{len(ROWS) - 12:,} examples to train on, 12 to validate on" in outcome.err
    assert " labels ('ends-in-a', " in outcome.err
    # Nothing of a run is lost by a label that changes but its data.
    (tmp_path / "surnames" / "ends-in-a.txt").rename(tmp_path / "surnames" / "ends-in-ah.txt")
    refused = attn("train", "--resume", "run", "--more-steps", "2")
    assert refused.code == 2
    assert "names has changed since training" in refused.err


def test_a_table_on_standard_input_is_kept_with_its_labels(attn: Attn, tmp_path: Path) -> None:
    outcome = attn("train", "-", *QUICK, "--out", "run", stdin=TABLE.encode())
    assert outcome.code == 0, outcome.err
    kept = [json.loads(line) for line in (tmp_path / "run" / "text.jsonl").open()]
    assert [(row["text"], row["label"]) for row in kept] == ROWS
    assert attn("train", "--resume", "run", "--more-steps", "2").code == 0
    again = attn("evaluate", "--run", "run", "--json").json
    (tmp_path / "run").rename(tmp_path / "moved")
    assert attn("evaluate", "--run", "moved", "--json").json["loss"] == again["loss"]


def test_evaluate_reads_another_table_with_the_labels_of_the_model(
    attn: Attn, tmp_path: Path
) -> None:
    (tmp_path / "t.tsv").write_text(TABLE)
    assert attn("train", "t.tsv", *QUICK, "--out", "run").code == 0
    (tmp_path / "some.tsv").write_text(TABLE[: TABLE.index("\n", 60) + 1])
    found = attn("evaluate", "some.tsv", "--run", "run", "--json").json
    assert found["examples"] == (tmp_path / "some.tsv").read_text().count("\n")
    (tmp_path / "other.tsv").write_text("Dala\tx\nBala\ta\n")
    refused = attn("evaluate", "other.tsv", "--run", "run")
    assert refused.code == 2
    assert "other.tsv has 1 label that the model does not know, of 1 example: 'x'" in refused.err


def test_a_built_in_text_with_labels_is_classified_beside_the_best_possible(attn: Attn) -> None:
    outcome = attn("train", "languages", *QUICK[1:], "--out", "run")
    assert outcome.code == 0, outcome.err
    assert "...); the most frequent is 'frog'" in outcome.err
    found = attn("evaluate", "--run", "run", "--json").json
    assert 0.88 < found["bayes_accuracy"] < 0.96
    assert 0.88 < found["bayes_macro_f1"] < 0.96
    assert f"at best     {found['bayes_accuracy']:.1%}" in outcome.out
    of_all = attn("evaluate", "languages", "--run", "run", "--json").json
    assert round(of_all["bayes_accuracy"], 6) == 0.922625
    as_lines = attn("train", "languages", "--task", "lm", "--lines", *QUICK[1:])
    assert "7,200 lines to train on, 800 to validate on" in as_lines.err, as_lines.err


def test_check_tells_of_labels(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text(TABLE + "Bala\tx\n")
    small = [f"--set={setting}" for setting in TINY]
    outcome = attn("check", "t.tsv", "--task", "classify", *small)
    assert outcome.code == 0, outcome.err
    assert "1 label ('x') with fewer than 10 examples" in outcome.out
    assert attn("check", "t.tsv", "--task", "classify", "--set", "data.label=3", *small).code == 2
