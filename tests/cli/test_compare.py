"""`attn compare`: the table, its formats, the plot, and the exit code for CI."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_errors import refused
from tests.conftest import Outcome, Trained
from tests.run_copies import copy_group, copy_run

Attn = Callable[..., Outcome]


@pytest.fixture
def runs(trained: Trained, tmp_path: Path) -> Path:
    """Two groups of three seeds, learned and rope, which is clearly better."""
    copy_group(trained.run, tmp_path / "runs" / "learned", {1: 1.50, 2: 1.54, 3: 1.52})
    rope = {1: 1.40, 2: 1.441, 3: 1.418}
    copy_group(trained.run, tmp_path / "runs" / "rope", rope, model__position="rope")
    return tmp_path / "runs"


def test_the_table_and_what_it_means(attn: Attn, runs: Path) -> None:
    lines = attn("compare", "learned", "rope").out.splitlines()
    headings = "arm n val loss (mean ± sd) 95 % CI best bits/char s/run"
    assert " ".join(lines[0].split()) == headings
    assert lines[1].split()[:5] == ["learned", "3", "1.5200", "±", "0.0200"]
    told = "\n".join(lines)
    assert "rope − learned, same seeds: Δ −0.1003 nats, 95 % CI [−0.10" in told
    assert "better in 3 of 3" in told
    assert "rope is better than learned: were they equal, chance would show so large" in told
    assert "smallest Δ that 3 pairs can show (80 % power): 0.00" in told
    assert "differing settings: model.position learned → rope" in told


def test_what_cannot_be_told_apart_is_said_in_words(
    attn: Attn, runs: Path, trained: Trained
) -> None:
    copy_group(trained.run, runs / "same", {1: 1.53, 2: 1.52, 3: 1.51})
    told = attn("compare", "learned", "same").out
    assert "same and learned cannot be told apart with 3 seeds" in told
    assert "differing settings: none" in told


def test_other_formats(attn: Attn, runs: Path) -> None:
    found = attn("compare", "learned", "rope", "--json").json
    assert [arm["arm"] for arm in found["arms"]] == ["learned", "rope"]
    assert found["arms"][1]["difference"]["paired"]
    rows = list(csv.DictReader(attn("compare", "learned", "rope", "--csv").out.splitlines()))
    assert float(rows[1]["difference_p"]) == found["arms"][1]["difference"]["p"]
    assert rows[0]["difference_p"] == ""
    table = attn("compare", "learned", "rope", "--markdown").out.splitlines()
    assert table[0].startswith("| arm | n | val loss")
    assert table[3].startswith("| rope | 3 | 1.4197 ± 0.0206 |")


def test_curves(attn: Attn, runs: Path, tmp_path: Path) -> None:
    files = [("--svg", "c.svg"), ("--png", "c.png"), ("--pdf", "c.pdf")]
    done = attn("compare", "learned", "rope", *(each for file in files for each in file))
    assert "rope is better than learned" in done.out
    assert [f"figure: {name}" in done.err for _, name in files] == [True] * 3
    assert {path.name for path in tmp_path.glob("c.*")} == {"c.svg", "c.png", "c.pdf"}
    drawn = (tmp_path / "c.svg").read_text(encoding="utf-8")
    assert "learned, n = 3" in drawn
    assert "The mean of the seeds, in a band of one standard deviation." in drawn
    assert "ends in .svg" in attn("compare", "learned", "--svg", "c.gif").err


def test_the_exit_code_says_whether_it_is_shown(attn: Attn, runs: Path) -> None:
    assert attn("compare", "learned", "rope", "--require", "better").code == 0
    failed = attn("compare", "rope", "learned", "--require", "better")
    assert failed.code == 1
    assert "not shown: better learned than rope" in failed.err
    assert attn("compare", "rope", "learned", "--require", "not-worse=0.2").code == 0
    assert attn("compare", "rope", "learned", "--require", "not-worse=0.05").code == 1
    unknown = attn("compare", "rope", "learned", "--require", "good")
    assert unknown.code == 2
    assert "--require is better, not-worse" in unknown.err


def test_two_single_runs_are_compared_on_their_text(
    attn: Attn, runs: Path, trained: Trained
) -> None:
    copy_run(trained.run, runs / "one")
    copy_run(trained.run, runs / "two")
    told = attn("compare", "one", "two").out
    assert "one run of one and two: how much another seed would change it is not known" in told
    assert "the text is not long enough to tell these two models apart" in told
    assert "not about their settings" in told
    found = attn("compare", "one", "two", "--json").json["on_text"]
    assert (found["delta"], found["low"]) == (0, 0)


def test_two_checkpoints_of_a_run_are_compared_on_their_text(
    attn: Attn, runs: Path, trained: Trained
) -> None:
    newest, *_, oldest = trained.run.step_folders()
    told = attn("compare", oldest, newest).out
    assert f"{newest} − {oldest} on " in told
    assert "these two models apart" in told
    assert attn("compare", oldest, newest, "--json").json["on_text"]["chars"] > 100
    refused(attn("compare", oldest, newest, "--require", "better"), "of two checkpoints")
    other = copy_run(trained.run, runs / "other", data__validation_fraction=0.3).step_folders()[0]
    apart = attn("compare", newest, other)
    assert (apart.code, "another validation split" in apart.err) == (2, True)


def test_another_text_is_refused_by_name(attn: Attn, runs: Path, trained: Trained) -> None:
    copy_group(trained.run, runs / "other", {1: 1.5}, data__validation_fraction=0.3)
    refused(attn("compare", "learned", "other"), "another validation split", "runs/other/seed-1")


def test_names_are_text(attn: Attn, runs: Path, trained: Trained, tmp_path: Path) -> None:
    copy_group(trained.run, runs / "a$b$<i>|[red]", {1: 1.5, 2: 1.6})
    told = attn("compare", "learned", "a$b$<i>|[red]", "--svg", "c.svg").out
    assert "a$b$<i>|[red]" in told
    assert "a$b$&lt;i&gt;|[red], n = 2" in (tmp_path / "c.svg").read_text(encoding="utf-8")
    assert json.loads(attn("compare", "a$b$<i>|[red]", "--json").out)["arms"][0]["n"] == 2
