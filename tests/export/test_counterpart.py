"""What has a counterpart elsewhere, and what is added so that it has."""

from __future__ import annotations

import numpy as np
import pytest

from attn_cli.config.schema import ModelConfig
from attn_cli.errors import InputError
from attn_cli.export.counterpart import (
    TABLE,
    completed,
    position_table,
    reduced,
    require_counterpart,
)
from attn_cli.model.build import build_model
from attn_cli.model.position import SinusoidalPosition
from tests.generation.conftest import kinds, make_model


def has_counterpart(config: ModelConfig) -> bool:
    if config.position == "none":
        return True
    return (config.block == "qwen3") == (config.position == "rope")


@pytest.mark.parametrize("config", [kind for kind in kinds() if not has_counterpart(kind)])
def test_what_has_none_names_the_option(config: ModelConfig) -> None:
    with pytest.raises(InputError, match=f"model.position={config.position} with") as told:
        require_counterpart(config)
    assert told.value.hint


@pytest.mark.parametrize("config", [kind for kind in kinds() if has_counterpart(kind)])
def test_what_was_added_can_be_taken_off_again(config: ModelConfig) -> None:
    require_counterpart(config)
    weights = make_model(config).state_arrays()
    whole = completed(config, weights)
    full = {"position": "learned", "bias": True} if config.block == "gpt2" else {}
    everything = ModelConfig.model_validate({**config.model_dump(), **full})
    shapes = {name: p.shape for name, p in build_model(everything, 19).named_parameters()}
    assert {name: array.shape for name, array in whole.items()} == shapes
    back_config, back = reduced(everything, whole)
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
    whole = completed(config, build_model(config, 7).state_arrays())
    for name in ("final_norm.bias", TABLE):
        changed = {**whole, name: whole[name].copy()}
        changed[name][-1] = 1e-30
        found, _ = reduced(config, changed)
        assert found.bias is (name != TABLE)
        assert found.position == "learned"


def test_heads_that_cannot_be_turned_name_their_number() -> None:
    config = ModelConfig(block="qwen3", position="none", n_embd=15, n_head=3)
    with pytest.raises(InputError, match=r"model\.n_head=3 .* n_embd / n_head = 5"):
        require_counterpart(config)
