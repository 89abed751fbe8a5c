"""The command line parses, calls and prints: no function of it holds a tensor."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch

import attn_cli.cli
from tests.conftest import Trained

CLI = str(Path(attn_cli.cli.__file__).parent)


def tensors_in(value: object) -> bool:
    """Whether a value is a tensor, or a collection or iterator state that has one."""
    if isinstance(value, dict):
        return any(map(tensors_in, value.values()))
    if isinstance(value, list | tuple):
        return any(map(tensors_in, value))
    return isinstance(value, torch.Tensor)


@contextmanager
def watched_frames() -> Iterator[set[str]]:
    """The variables of the command line that held a tensor, `file: function: variable`."""
    found: set[str] = set()
    visited: set[str] = set()

    def watch(frame: FrameType, event: str, _: Any) -> None:
        path = frame.f_code.co_filename
        if event == "return" and path.startswith(CLI):
            visited.add(path)
            where = f"{Path(path).name}: {frame.f_code.co_name}"
            found.update(f"{where}: {k}" for k, v in frame.f_locals.items() if tensors_in(v))

    sys.setprofile(watch)
    try:
        yield found
    finally:
        sys.setprofile(None)
    assert visited


def test_a_tensor_would_be_seen() -> None:
    source = compile("def f():\n    scores = [t]\nf()", f"{CLI}/example.py", "exec")
    with watched_frames() as found:
        exec(source, {"t": torch.zeros(1)})
    assert "example.py: f: scores" in found


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate",),
        ("evaluate", "--per-char"),
        ("inspect-shapes", "The"),
        ("inspect-attention", "The fox"),
        ("inspect-attention", "The fox", "--values"),
        ("inspect-heads", "--chars", "40"),
        ("inspect-logits", "The fox"),
        ("explain", "The", "--all"),
        ("generate", "The", "--max-new-chars", "5"),
    ],
    ids=" ".join,
)
def test_no_command_holds_a_tensor(
    attn: Any, trained: Trained, arguments: tuple[str, ...], as_json: tuple[str, ...]
) -> None:
    with watched_frames() as found:
        outcome = attn(*arguments, "--run", trained.run.path, *as_json)
    assert outcome.code == 0
    assert found == set()


def test_inspect_training_holds_no_tensor(attn: Any, trained: Trained) -> None:
    with watched_frames() as found:
        assert attn("inspect-training", trained.run.path).code == 0
    assert found == set()
