"""docs/reference/python.md does what it says: its code runs, and its tables are complete."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

import attn_cli as attn_api
from attn_cli.api.trace import STACKED
from attn_cli.config.schema import ModelConfig
from attn_cli.generation.config import GenerationConfig
from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.model.build import build_model
from attn_cli.runs.run_folder import RunFolder
from tests.conftest import VERSE, train_in

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, verse_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as the page's reader has it: a run of `tales`, and a text."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.txt").write_text(VERSE * 30, encoding="utf-8")
    run = train_in(
        tmp_path / "runs" / "tales", verse_file, "train.steps=240", "model.block_size=32"
    )
    RunFolder(run.run.path).append_sample(240, 0.1, "The owl met the fox.")
    return tmp_path


def test_the_code_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    namespace: dict[str, object] = {}
    for block in BLOCKS:
        # A minute is for readers.
        exec(compile(block.replace("minutes=1", "steps=20"), "python.md", "exec"), namespace)
    assert "The owl" in capsys.readouterr().out
    assert isinstance(namespace["model"], attn_api.Model)


def test_the_code_of_the_readme_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(
        r"^```python\n(import attn_cli.*?)^```$", README, re.MULTILINE | re.DOTALL
    )
    namespace: dict[str, Any] = {}
    exec(compile(block.replace("minutes=1", "minutes=0.05"), "README.md", "exec"), namespace)
    assert capsys.readouterr().out.startswith("The owl")
    model = namespace["run"].config.model
    assert namespace["attention"].shape == (model.n_layer, model.n_head, 19, 19)


def test_an_attention_matrix_takes_five_lines() -> None:
    assert len([line for line in BLOCKS[0].splitlines() if line]) <= 5


def rows(header: str) -> list[list[str]]:
    """The cells of the table with this header."""
    _, _, after = PAGE.partition(f"{header}\n|---")
    lines = after.partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_table_of_options_is_complete() -> None:
    named = [name for cells in rows("| option | |") for name in code(cells[0])]
    assert sorted(named) == sorted(field.name for field in fields(GenerationConfig))


@pytest.mark.parametrize("position", ["learned", "sinusoidal", "rope", "none"])
@pytest.mark.parametrize("block", ["gpt2", "qwen3"])
def test_the_table_of_operations_is_complete(block: str, position: str) -> None:
    config = ModelConfig(
        n_layer=2, n_head=3, n_embd=24, block_size=5, block=block, position=position, bias=False
    )
    trace = attn_api.Trace(forward_pass(build_model(config, 7), [1, 2]), ("a", "b"))
    conditions = {
        "": True,
        "block `gpt2`": block == "gpt2",
        "block `qwen3`": block == "qwen3",
        "rotary positions": position == "rope",
        "learned or sinusoidal positions": position in ("learned", "sinusoidal"),
    }
    expected = {
        name.replace("…", "block 2"): tuple(axes.split(", "))
        for cell, axes, condition in rows("| name | axes | in |")
        for name in code(cell)
        if conditions[condition]
    }
    found = {name: trace.axes(name) for name in trace if not name.startswith("block 1")}
    assert found == expected


def test_the_table_of_attributes_is_complete() -> None:
    named = {
        name.removeprefix("trace."): tuple(axes.partition(";")[0].split(", "))
        for cell, axes in rows("| attribute | axes |")
        for name in code(cell)
        if name.startswith("trace.")
    }
    assert named == STACKED
