"""`--help`: whole lines of 80 columns, values with names, and examples that run."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from attn_cli.cli.help import DOCUMENTATION
from attn_cli.cli.main import COMMANDS, app
from attn_cli.config.schema import Config
from attn_cli.text import builtin
from tests.conftest import NAMES, TINY, VERSE, Outcome, Trained, train_in
from tests.run_copies import copy_group, copy_run

Attn = Callable[..., Outcome]


def commands() -> Iterator[tuple[str, Any]]:
    """`attn` and each of its commands, by how it is called: `data list`."""
    group: Any = typer.main.get_command(app)
    yield "", group
    for name, command in group.commands.items():
        yield name, command
        for inner, within in getattr(command, "commands", {}).items():
            yield f"{name} {inner}", within


ALL = dict(commands())
EXAMPLES = [example for command in ALL.values() for example in command.examples]


def test_every_command_has_a_line_of_its_own_under_its_heading(
    attn: Attn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = attn("--help").out
    for heading, names in COMMANDS.items():
        section = shown.partition(f"\n{heading}:\n")[2].partition("\n\n")[0].splitlines()
        listed = [line.split()[0] for line in section]
        assert listed[: len(names)] == list(names)
        assert all(line.endswith((".", "?")) for line in section)  # none is cut or broken


@pytest.mark.parametrize("called", ALL)
def test_the_help_fits_names_values_and_ends_with_examples(
    attn: Attn, monkeypatch: pytest.MonkeyPatch, called: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = attn(*called.split(), "--help").out
    assert max(map(len, shown.splitlines())) <= 80
    assert not re.search(r"<\w+|\[\[|\.\.\.\]", shown.partition("Examples:")[0].replace("KEY<", ""))
    assert shown.endswith(f"\n\n{DOCUMENTATION}\n")
    examples = ALL[called].examples
    if called != "data":  # whose commands have some
        assert examples
    for example in examples:
        assert f"\n  {example}\n" in shown
        assert example.startswith(f"attn {called}".rstrip())


def test_defaults_of_the_runs_config_are_those_of_the_schema(
    attn: Attn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = " ".join(attn("generate", "--help").out.split())
    told = dict(
        re.findall(r"--([\w-]+) [A-Z] [^\[]*\[default: the run's config, else (\S+)\]", shown)
    )
    values = Config().sample.model_dump()
    assert set(told) == {name.replace("_", "-") for name in values}
    for name, value in values.items():
        assert told[name.replace("_", "-")] == ("all" if value is None else str(value))


@pytest.fixture(scope="module")
def trained_on_names(names_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("lines") / "runs" / "names"
    return train_in(folder, names_file, "data.records=lines", "train.steps=160")


@pytest.fixture
def newest(
    trained: Trained,
    trained_encoder: Trained,
    trained_classifier: Trained,
    trained_translator: Trained,
    trained_on_names: Trained,
) -> Callable[[str], Trained]:
    """The run that an example is of."""

    def chosen(example: str) -> Trained:
        if "--lines" in example and "generate" in example:
            return trained_on_names
        if "attn train dates" in example:
            return trained_translator
        kinds = {"fill": trained_encoder, "classify": trained_classifier}
        return kinds.get(example.split()[1], trained)

    return chosen


@pytest.fixture
def desk(attn: Attn, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files and the runs that the examples name, and a text in the cache."""
    (tmp_path / "my.txt").write_text(VERSE * 30)
    (tmp_path / "other.txt").write_text(VERSE * 5)
    (tmp_path / "names.txt").write_text("".join(NAMES))
    (tmp_path / "surnames.txt").write_text("".join(NAMES[:9]))
    rows = (f"{name.strip()}\t{name.strip()[-1]}\n" for name in NAMES)
    (tmp_path / "surnames.tsv").write_text("".join(rows))
    copy_run(trained.run, tmp_path / "runs" / "tales")
    for arm in ("learned", "rope"):
        copy_group(trained.run, tmp_path / "runs" / arm, {1: 1.0, 2: 1.1}, model__position=arm)
        copy_run(trained.run, tmp_path / "runs" / f"{arm}-1")
    text = VERSE.encode()
    pinned = builtin.Download("http://127.0.0.1/", len(text), hashlib.sha256(text).hexdigest())
    monkeypatch.setitem(builtin.DOWNLOADS, "shakespeare", pinned)
    path = builtin.download_path("shakespeare")
    path.parent.mkdir(parents=True)
    path.write_bytes(text)
    return tmp_path


# What a tiny model can take, in place of what a real one would be asked.
ASKED = {
    "The owl met the fox": "The owl met",
    "27 March 2026": "facade",
    "data=tales": "data=verse",
}
# Of what takes long: less of it.
SMALLER = {
    "train": [f"--set={setting}" for setting in TINY] + ["--set=train.max_epochs=0.1"],
    "sweep": ["--dry-run"],
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_run(
    attn: Attn, desk: Path, newest: Callable[[str], Trained], example: str
) -> None:
    run = copy_run(newest(example).run, desk / "runs" / "newest")
    os.utime(run.config, (2e9, 2e9))
    words = shlex.split(example, comments=True)[1:]
    words = [ASKED.get(word, word) for word in words]
    if words[0] == "import":
        assert attn("export", "hf", "my-model").code == 0
    done = attn(*words, *SMALLER.get(words[0], ()))
    assert done.code == 0, done.err
    assert done.out
