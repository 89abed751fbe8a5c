"""`attn runs`: runs, groups and sweeps in a table; a name that a user has to copy is never cut."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.cli.test_errors import refused
from tests.conftest import Outcome, Trained
from tests.run_copies import copy_group, copy_run

Attn = Callable[..., Outcome]

LONG = "pride-and-prejudice-by-jane-austen-20261128-0731"


@pytest.fixture
def runs(trained: Trained, tmp_path: Path) -> Path:
    """Two runs with long names that differ at their end, and one without a checkpoint."""
    for number in (3, 4):
        shutil.copytree(trained.run.path, tmp_path / "runs" / f"{LONG}{number}")
    (tmp_path / "runs" / "begun").mkdir()
    (tmp_path / "runs" / "begun" / "config.yaml").write_text("")
    return tmp_path / "runs"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize(
    ("columns", "shown", "left_out"),
    [
        (120, ("data", "parameters", "steps", "best val loss", "age"), ()),
        (95, ("steps", "best val loss", "age"), ("data", "parameters")),
        (30, ("best val loss",), ("data", "parameters", "steps", "age")),
    ],
)
def test_in_a_narrow_terminal_other_columns_go_first(
    runs: Path, tmp_path: Path, columns: int, shown: tuple[str, ...], left_out: tuple[str, ...]
) -> None:
    terminal = Terminal(tmp_path, "runs", TERM="xterm", COLUMNS=str(columns))
    try:
        listed = re.sub(r"\x1b\[[0-9;]*m", "", terminal.rest())
        assert terminal.code() == 0
    finally:
        terminal.close()
    head, *lines = listed.splitlines()
    assert len(lines) == 3
    for number in (3, 4):
        assert f"runs/{LONG}{number} " in listed
    assert "has no checkpoint" in listed
    assert all(name in head for name in shown)
    assert not any(name in head for name in left_out)


def test_in_a_pipe_nothing_is_cut(attn: Attn, runs: Path, trained: Trained) -> None:
    name = "x" * 200
    shutil.copytree(trained.run.path, runs / name)
    listed = attn("runs").out
    assert f"runs/{name} " in listed
    assert "age" in listed.splitlines()[0]


@pytest.fixture
def experiments(trained: Trained, tmp_path: Path) -> Path:
    """A run without a checkpoint, a sweep of two arms, a group of three seeds, and a run."""
    runs = tmp_path / "runs"
    (runs / "begun").mkdir(parents=True)
    (runs / "begun" / "config.yaml").write_text("")
    for arm, losses in (("rope", {1: 1.2, 2: 1.3}), ("learned", {1: 1.5, 2: 1.7})):
        copy_group(trained.run, runs / "positions" / arm, losses, model__position=arm)
    copy_group(trained.run, runs / "diary", {1: 1.0, 2: 1.2})
    copy_run(trained.run, runs / "diary" / "seed-3", finished=False, train__seed=3)
    copy_run(trained.run, runs / "verse", best_val_loss=1.26, parameters=99)
    for age, name in enumerate(("begun", "positions", "diary", "verse")):
        for config in (runs / name).rglob("config.yaml"):
            os.utime(config, (2e9 - age, 2e9 - age))
    return runs


def table(attn: Attn, *options: str) -> list[list[str]]:
    """The cells of each line, between which are at least two spaces."""
    outcome = attn("runs", *options)
    assert outcome.code == 0, outcome.err
    lines = outcome.out.replace(os.sep, "/").rstrip().splitlines()
    return [re.split(r" {2,}", line.strip()) for line in lines]


def test_a_group_is_one_line_and_a_sweep_another(attn: Attn, experiments: Path) -> None:
    head, begun, sweep, group, single = table(attn)
    assert head == ["run", "n", "data", "parameters", "steps", "best val loss", "age"]
    assert begun[:3] == ["runs/begun", "1", "has no checkpoint"]
    assert sweep[:3] == ["runs/positions", "2 × 2", "verse"]
    assert sweep[5] == "1.2500 ± 0.0707 (rope)"
    # The mean and the standard deviation are of the two that have finished.
    assert group[:2] == ["runs/diary", "2 of 3"]
    assert group[5] == "1.1000 ± 0.1414"
    assert single[:4] == ["runs/verse", "1", "verse", "99"]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("positions",), ["positions/learned", "positions/rope"]),
        (("positions/rope",), ["positions/rope/seed-1", "positions/rope/seed-2"]),
        (("diary",), ["diary/seed-1", "diary/seed-2", "diary/seed-3"]),
        (("verse",), ["verse"]),
        (("diary", "--filter", "finished=false"), ["diary/seed-3"]),
        (("--sort", "val_loss"), ["diary", "positions", "verse", "begun"]),
        (("--sort", "-val_loss"), ["verse", "positions", "diary", "begun"]),
        (("--sort", "run"), ["begun", "diary", "positions", "verse"]),
        (("--sort", "age"), ["begun", "positions", "diary", "verse"]),
        (("--filter", "val_loss<1.2"), ["diary"]),
        (("--filter", "val_loss>=1.25"), ["positions", "verse"]),
        (("--filter", "position=rope"), ["positions"]),
        (("--filter", "model.position=rope", "--all"), ["positions/rope/seed-1",
         "positions/rope/seed-2"]),
        (("--filter", "kind!=run"), ["positions", "diary"]),
        (("--filter", "run=*/v*"), ["verse"]),
        (("--filter", "train.seed=3"), ["diary"]),
        (("--filter", "data=verse", "--filter", "parameters<100"), ["verse"]),
    ],
)  # fmt: skip
def test_what_is_listed(
    attn: Attn, experiments: Path, options: tuple[str, ...], names: list[str]
) -> None:
    assert [line[0] for line in table(attn, *options)[1:]] == [f"runs/{name}" for name in names]


def test_columns_are_chosen(attn: Attn, experiments: Path) -> None:
    columns = "run,val_loss,model.position,seed,age"
    head, _, sweep, group, single = table(attn, "--columns", columns)
    assert head == ["run", "best val loss", "model.position", "train.seed", "age"]
    assert sweep[2:4] == ["learned, rope", "1, 2"]
    assert group[2:4] == ["learned", "1, 2, 3"]
    assert single[3] == "1337"


def test_settings_are_what_differs_from_the_defaults(attn: Attn, experiments: Path) -> None:
    listed = {line[0]: line[1] for line in table(attn, "--columns", "run,settings")[2:]}
    assert "model.n_embd=24" in listed["runs/verse"].split()
    assert "train.min_learning_rate" not in listed["runs/verse"]
    assert "train.seed" not in listed["runs/diary"]  # not the same in all runs
    assert (
        "train.seed=2"
        in dict(table(attn, "diary", "--columns", "run,settings"))["runs/diary/seed-2"]
    )


def test_json_has_all_of_it(attn: Attn, experiments: Path, trained: Trained) -> None:
    begun, sweep, group, single = attn("runs", "--json").json["runs"]
    assert begun["problem"] == "has no checkpoint"
    assert (sweep["kind"], sweep["n"], sweep["best_arm"]) == ("sweep", 4, "rope")
    assert [arm["kind"] for arm in sweep["runs"]] == ["group", "group"]
    assert group["val_loss"] == pytest.approx(1.1)
    assert [run["val_loss"] for run in group["runs"][:2]] == [1.0, 1.2]
    assert single["config"] == trained.config.flat()
    assert single["settings"]["model.n_embd"] == 24


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--columns", "run,val_los"), ("no 'val_los'", "did you mean val_loss")),
        (("--sort", "n_layrs"), ("no 'n_layrs'", "model.n_layer")),
        (("--filter", "zzz=1"), ("no 'zzz'", "val_loss")),
        (("--filter", "val_loss"), ("no condition", "val_loss<1.5")),
        (("--filter", "val_loss<low"), ("'low' is no number",)),
        (("nothing",), ("no run nothing",)),
    ],
)
def test_what_is_wrong_is_told(
    attn: Attn, experiments: Path, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(attn("runs", *options), *words)


def test_nothing_that_meets_a_filter_is_a_line(attn: Attn, experiments: Path) -> None:
    outcome = attn("runs", "--filter", "val_loss<0.1", "--filter", "data=verse")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == "no run of 4 meets val_loss<0.1 and data=verse\n"


def test_the_commands_of_the_documentation_run(attn: Attn, experiments: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "compare-settings.md"
    commands = re.findall(r"^\$ attn (runs.*)$", page.read_text("utf-8"), re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        outcome = attn(*shlex.split(command))
        assert outcome.code == 0, (command, outcome.err)
