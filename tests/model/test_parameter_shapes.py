"""A model's shapes without its numbers."""

import itertools
import subprocess
import sys

import pytest

from attn_cli.config.schema import ModelConfig
from attn_cli.model.build import build_model
from attn_cli.model.memory_limits import parameter_bytes, total_memory
from attn_cli.model.parameter_shapes import parameter_count, parameter_shapes

CONFIGS = [
    ModelConfig(n_layer=2, n_head=2, n_embd=12, block_size=7, block=block, position=position,
                bias=bias and block == "gpt2", tie_embeddings=tied)
    for block, position, bias, tied in itertools.product(
        ("gpt2", "qwen3"), ("learned", "sinusoidal", "rope", "none"), (True, False), (True, False)
    )
] + [
    ModelConfig(n_head=2, n_embd=12, ngrams=[2, 3, 5], ngram_rows=rows, ngram_embd=5)
    for rows in (7, 1000)
]  # fmt: skip


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.block}-{c.position}")
def test_it_is_that_of_the_model(config: ModelConfig) -> None:
    model = build_model(config, 19)
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    assert parameter_shapes(config, 19) == shapes
    assert parameter_count(shapes) == model.parameter_count()
    held = [*model.parameters(), *model.buffers()]
    assert parameter_bytes(config, 19) >= sum(tensor.numel() * tensor.itemsize for tensor in held)


def test_no_size_takes_memory_or_time() -> None:
    huge = ModelConfig(n_layer=200, n_embd=65_536, n_head=64, block_size=1_048_576)
    memory = total_memory()
    assert memory is None or memory < parameter_bytes(huge, 100)


def test_it_imports_nothing_heavy() -> None:
    """What a user waits for at every start: torch's compiler takes a second to import."""
    program = (
        "import sys\n"
        "from attn_cli.config.schema import ModelConfig\n"
        "from attn_cli.model.parameter_shapes import parameter_shapes\n"
        "for position in ('learned', 'sinusoidal', 'rope', 'none'):\n"
        "    parameter_shapes(ModelConfig(position=position), 100)\n"
        "print([name for name in ('torch._dynamo', 'sympy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
