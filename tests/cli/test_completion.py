"""The Tab key: what it offers, in the functions and in real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from attn_cli.cli import completion
from tests.cli.terminal import Terminal

ON_WINDOWS = sys.platform == "win32"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs and a group, a configuration and two texts; no checkpoint is needed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ATTN_RUNS", raising=False)
    for age, name in enumerate(("tales-2", "diary", "rope/seed-2", "rope/seed-1", "my run")):
        run = tmp_path / "runs" / name
        run.mkdir(parents=True)
        (run / "config.yaml").write_text("")
        os.utime(run / "config.yaml", (2e9 - age, 2e9 - age))
    (tmp_path / "mine.yaml").write_text("")
    (tmp_path / "tea.txt").write_text("tea")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "poem.txt").write_text("poem")
    return tmp_path


@pytest.mark.parametrize(
    ("complete", "incomplete", "offered"),
    [
        (completion.run_names, "", ["tales-2", "diary", "rope"]),  # the newest first
        (completion.run_names, "rope/", ["rope/seed-1", "rope/seed-2"]),
        (completion.run_names, "nothing", []),
        (completion.config_names, "sh", ["shakespeare-1min", "shakespeare-5s", "shakespeare"]),
        (completion.config_names, "m", ["mine.yaml"]),
        (completion.config_names, "runs/diary/", ["runs/diary/config.yaml"]),
        (completion.text_names, "t", ["tales", "tea.txt", "texts/"]),
        (completion.text_names, "te", []),  # the shell itself knows files
        (completion.config_settings, "model.n_", ["model.n_layer=", "model.n_head=",
         "model.n_embd=", "model.n_inner="]),
        (completion.config_settings, "model.n_la", ["model.n_layer=", "model.n_layer=4"]),
        (completion.config_settings, "train.optimizer=", ["train.optimizer=adamw",
         "train.optimizer=muon"]),
        (completion.config_settings, "train.optimizer=m", ["train.optimizer=muon"]),
        (completion.config_settings, "train.optimizer=adamw,m", ["train.optimizer=adamw,muon"]),
        (completion.config_settings, "model.bias=", ["model.bias=false", "model.bias=true"]),
        (completion.config_settings, "train.patience=", []),  # any number, and no default
        (completion.config_settings, "no.key=", []),
        (completion.config_settings, "train.loggers=", []),  # a list, in brackets
        (completion.config_settings, "model.block=q", ["model.block=qwen3"]),
        (completion.config_settings, "data.text=tal", ["data.text=tales"]),
        (completion.config_settings, "train.init_from=di", ["train.init_from=diary"]),
        (completion.config_keys("run", "val_loss"), "run,va", ["run,val_loss"]),
        (completion.config_keys("run"), "model.n_h", ["model.n_head"]),
        (completion.one_of("lm", "mlm"), "m", ["mlm"]),
    ],
)  # fmt: skip
def test_what_is_offered(
    folder: Path, complete: Callable[[str], list[completion.Offer]], incomplete: str, offered: list
) -> None:
    assert [word for word, _ in complete(incomplete)] == offered


def answer(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a shell is answered after these words, of which the last is not finished."""
    bash = {"COMP_WORDS": "\n".join(("attn", *words)), "COMP_CWORD": str(len(words))}
    asked = {"_ATTN_COMPLETE": "complete_bash"} | bash | environment
    return subprocess.run(
        [sys.executable, "-m", "attn_cli"],
        env=os.environ | asked, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("inspect-sh",), ["inspect-shapes"]),
        (("generate", "--run", ""), ["tales-2", "diary", "rope"]),
        (("generate", "--run", "=", "ro"), ["rope"]),
        (("train", "--resume", "di"), ["diary"]),
        (("train", "--init-from", "di"), ["diary"]),
        (("explain", "--beside", "di"), ["diary"]),
        (("evaluate", "ta"), ["tales"]),
        (("export", "h"), ["hf"]),
        (("compare", "rope", "--reference", "di"), ["diary"]),
        (("compare", "rope", "diary", "--require", "not"), ["not-worse"]),
        (("data", ""), ["list", "fetch", "clean"]),
        (("generate", "--device", "c"), ["cpu", "cuda"]),
        (("train", "--logger", "t"), ["tensorboard", "trackio"]),
        (("configs", "le"), ["lesson"]),
        # bash takes a word apart at `=`, and completes what is behind it.
        (("train", "--set", "train.optimizer", "=", "m"), ["muon"]),
        (("train", "--set", "=", "train.optimizer", "=", "m"), ["muon"]),
        (("train", "--set", "train.optimizer", "="), ["adamw", "muon"]),
        (("check", "tales", "--set", "train.optimizer", "=", "m"), ["muon"]),
        # What comes before may be wrong, or a choice that is else told in a line.
        (("generate", "--run", "nothing", "--num-b"), ["--num-beams"]),
        (("generate", "--run", "rope", "--num-b"), ["--num-beams"]),
    ],
)
def test_bash_is_answered(folder: Path, words: tuple[str, ...], offered: list[str]) -> None:
    answered = answer(folder, *words)
    assert (answered.stdout.split(), answered.stderr) == (offered, "")


def test_the_help_of_a_word_is_one_line(folder: Path) -> None:
    asked = {"_ATTN_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    answered = answer(folder, _TYPER_COMPLETE_ARGS="attn train --", **asked)
    assert all(line.startswith("--") for line in answered.stdout.splitlines())
    assert "--more-minutes\t" in answered.stdout


def test_a_completion_that_fails_prints_nothing(folder: Path) -> None:
    shutil.rmtree(folder / "runs")
    (folder / "runs").write_text("a file")
    for asked in ({}, {"COMP_CWORD": "x"}, {"_ATTN_COMPLETE": "nonsense"}):
        answered = answer(folder, "generate", "--run", "", **asked)
        assert (answered.stdout, answered.stderr) == ("", "")


def test_completion_imports_nothing_slow(folder: Path) -> None:
    program = (
        "import sys\nfrom attn_cli.cli.main import main\n"
        "try: main()\n"
        "finally: print([m for m in ('torch', 'numpy', 'rich') if m in sys.modules])"
    )
    words = "attn\ngenerate\n--run\ndi"
    asked = {"_ATTN_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "3"}
    printed = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | asked, cwd=folder, capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    assert printed.split("\n") == ["diary", "[]", ""]


# How each shell is started without the user's own settings, and reads the script.
SHELLS = {
    "bash": (("bash", "--norc", "--noprofile", "-i"), "source ./script"),
    "zsh": (("zsh", "-f", "-i"), "autoload -U compinit; compinit -u -D; source ./script"),
    "fish": (("fish", "--no-config", "-i"), "source ./script"),
}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, folder: Path) -> Iterator[Terminal]:
    """A shell with the script of `attn --install-completion`; its `attn` shows its arguments."""
    name: str = request.param
    if ON_WINDOWS or shutil.which(name) is None:
        pytest.skip(f"there is no {name} on this machine")
    script = answer(folder, _ATTN_COMPLETE=f"source_{name}").stdout
    (folder / "script").write_text(script)
    attn = folder / "bin" / "attn"
    attn.parent.mkdir()
    attn.write_text(
        f'#!/bin/sh\n[ -n "$_ATTN_COMPLETE" ] && exec {sys.executable} -m attn_cli\n'
        'echo "called: $*."\n'
    )
    attn.chmod(0o755)
    program, read_script = SHELLS[name]
    path = f"{attn.parent}{os.pathsep}{os.environ['PATH']}"
    terminal = Terminal(folder, program=program, PATH=path, HOME=str(folder), COLUMNS="200")
    try:
        terminal.type(f"{read_script}\necho re''ady\n")
        terminal.until("ready")
        yield terminal
    finally:
        terminal.close()


TYPED = {
    "attn inspect-sh\t": "inspect-shapes",
    "attn generate --run di\t": "generate --run diary",
    "attn generate --run rope/seed-1\t": "generate --run rope/seed-1",
    "attn train --config le\t": "train --config lesson",
    "attn train --set train.optimizer=m\t": "train --set train.optimizer=muon",
    "attn train --set model.block=q\t": "train --set model.block=qwen3",
    "attn train --set data.text=tal\t": "train --set data.text=tales",
    "attn export gg\t": "export gguf",
    "attn data cl\t": "data clean",
    "attn train --set model.n_la\t2": "train --set model.n_layer=2",
    "attn train tea\t": "train tea.txt",
}


def test_real_shells_complete(shell: Terminal) -> None:
    for typed, called in TYPED.items():
        shell.type(f"{typed}\n")
        shell.until(f"called: {called}.")
