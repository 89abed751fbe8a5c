"""Which models have a counterpart elsewhere, and the padding that gives them one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attn_cli.config.schema import ModelConfig
from attn_cli.errors import InputError
from attn_cli.export.compatibility import (
    POSITION_TABLE,
    check_exportable,
    pad_to_gpt2,
    position_table,
    strip_padding,
)
from attn_cli.export.gguf_file import write_gguf
from attn_cli.export.huggingface import huggingface_files
from attn_cli.export.onnx_graphs import onnx_files
from attn_cli.model.build import build_model
from attn_cli.model.position import SinusoidalPosition
from attn_cli.runs.loaded_model import TrainedModel
from tests.export.conftest import MakeRun
from tests.generation.conftest import kinds, make_model


def has_counterpart(config: ModelConfig) -> bool:
    if config.position == "none":
        return True
    return (config.block == "qwen3") == (config.position == "rope")


@pytest.mark.parametrize("config", [kind for kind in kinds() if not has_counterpart(kind)])
def test_a_combination_without_a_counterpart_is_refused_by_its_options(config: ModelConfig) -> None:
    with pytest.raises(InputError, match=f"model.position={config.position} with") as told:
        check_exportable(config, "the hf export")
    assert told.value.hint


@pytest.mark.parametrize("config", [kind for kind in kinds() if has_counterpart(kind)])
def test_strip_padding_undoes_pad_to_gpt2(config: ModelConfig) -> None:
    check_exportable(config, "the hf export")
    weights = make_model(config).state_arrays()
    whole = pad_to_gpt2(config, weights)
    full = {"position": "learned", "bias": True} if config.block == "gpt2" else {}
    everything = ModelConfig.model_validate({**config.model_dump(), **full})
    shapes = {name: p.shape for name, p in build_model(everything, 19).named_parameters()}
    assert {name: array.shape for name, array in whole.items()} == shapes
    back_config, back = strip_padding(everything, whole)
    assert back_config == config
    assert back.keys() == weights.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(back[name], array)


def test_the_table_of_sinusoidal_positions_is_the_model_s() -> None:
    config = ModelConfig(position="sinusoidal", n_embd=42, n_head=3, block_size=101)
    wanted = SinusoidalPosition(101, 42).table.numpy()
    np.testing.assert_allclose(position_table(config), wanted, atol=1e-7, rtol=0)
    assert position_table(config).dtype == np.float32


def test_a_bias_that_is_not_zero_stays() -> None:
    config = ModelConfig(n_layer=1, n_head=1, n_embd=6, block_size=5, bias=True)
    whole = pad_to_gpt2(config, build_model(config, 7).state_arrays())
    for name in ("final_norm.bias", POSITION_TABLE):
        changed = {**whole, name: whole[name].copy()}
        changed[name][-1] = 1e-30
        found, _ = strip_padding(config, changed)
        assert found.bias is (name != POSITION_TABLE)
        assert found.position == "learned"


def test_heads_that_cannot_be_turned_name_their_number() -> None:
    config = ModelConfig(block="qwen3", position="none", n_embd=15, n_head=3)
    with pytest.raises(InputError, match=r"model\.n_head=3 .* n_embd / n_head = 5"):
        check_exportable(config, "the hf export")


EXPORTS: dict[str, Callable[[TrainedModel, Path], object]] = {
    "hf": lambda model, _: huggingface_files(model),
    "gguf": lambda model, folder: write_gguf(folder / "model.gguf", model, "f32"),
    "onnx": lambda model, _: onnx_files(model),
}


@pytest.mark.parametrize("option", ["block", "position"])
@pytest.mark.parametrize("name", EXPORTS)
def test_an_unknown_kind_is_refused_by_name(
    make_run: MakeRun, tmp_path: Path, name: str, option: str
) -> None:
    model = make_run()
    unknown = model.config.model.model_copy(update={option: "averaging"})
    model = replace(model, config=model.config.model_copy(update={"model": unknown}))
    pattern = f"the {name} export does not support model.{option}: averaging"
    with pytest.raises(InputError, match=pattern) as refusal:
        EXPORTS[name](model, tmp_path)
    assert refusal.value.hint is not None
    assert "learned" in refusal.value.hint or "gpt2, qwen3" in refusal.value.hint
    assert not (tmp_path / "model.gguf").exists()
