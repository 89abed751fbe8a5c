"""Compiled blocks compute the same, and a machine without a compiler trains all the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from attn_cli.model.build import build_model
from attn_cli.model.transformer import Transformer
from attn_cli.objectives.text_objective import token_loss
from attn_cli.text.batches import Batch
from attn_cli.training import compile_policy
from attn_cli.training.compile_policy import CompilationError, compile_blocks
from tests.conftest import TINY, tiny_config, train_in


@pytest.mark.slow  # compiling takes about 20 s
@pytest.mark.parametrize(("shape", "dropout"), [("gpt2", 0.0), ("qwen3", 0.25)])
def test_losses_and_gradients_are_the_same(
    shape: str, dropout: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    position = "rope" if shape == "qwen3" else "learned"
    torch.manual_seed(0)
    model = build_model(
        tiny_config(
            f"model.block={shape}", f"model.position={position}", f"model.dropout={dropout}"
        ).model,
        19,
    )
    ids = torch.randint(19, (3, 14))
    batch = Batch(ids[:, :-1], ids[:, 1:])
    before = torch.get_rng_state()
    twin = compile_blocks(model, batch, token_loss)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in model.parameters())

    results = []
    for one in (model, twin):
        torch.manual_seed(1)  # the same is dropped
        loss, _ = token_loss(one, batch)
        loss.backward()
        gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
        results.append((loss.detach(), gradients))
        model.zero_grad()
    torch.testing.assert_close(results[0][0], results[1][0])
    for eager, fused in zip(results[0][1], results[1][1], strict=True):
        torch.testing.assert_close(eager, fused, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_batches_of_all_lengths_are_compiled_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch.manual_seed(0)
    model = build_model(tiny_config().model, 19)
    ids = torch.randint(19, (4, 17))

    def batch(length: int) -> Batch:
        return Batch(ids[:, :length], ids[:, 1 : length + 1])

    twin = compile_blocks(model, batch(9), token_loss, lengths_vary=True)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for length in (5, 16, 7, 12):
            loss, _ = token_loss(twin, batch(length))
            loss.backward()  # type: ignore[no-untyped-call]
            torch.testing.assert_close(loss, token_loss(model, batch(length))[0])


@pytest.mark.slow  # a process of its own, with torch's compiler in it
@pytest.mark.skipif(sys.platform == "win32", reason="compilers are not found by PATH there")
def test_without_a_compiler_it_says_so_and_trains(verse_file: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "attn_cli", "train", str(verse_file), "--steps", "22"]
    command += [f"--set={setting}" for setting in (*TINY, "train.compile=true")]
    environment = {**os.environ, "PATH": str(tmp_path), "ATTN_CACHE": str(tmp_path / "cache")}
    environment.pop("CXX", None)
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("not compiled, steps are slower: ") == 1
    assert "val loss" in done.stdout


@pytest.mark.parametrize("fails", [False, True])
def test_callbacks_are_told_while_it_compiles_and_evaluates(
    verse_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    def compiled(model: Transformer, *_: object, **__: object) -> Transformer:
        if fails:
            raise CompilationError("no compiler here")
        return model

    monkeypatch.setattr(compile_policy, "compile_blocks", compiled)
    recipe = ("train.steps=24", "train.compile=true", "train.eval_every=12")
    assert train_in(tmp_path / "run", verse_file, *recipe).callback.phases == [
        (12, "evaluating"), (12, "steps"), (20, "compiling"), (20, "steps"),
        (24, "evaluating"), (24, "steps"),
    ]  # fmt: skip
