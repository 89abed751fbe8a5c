"""One place builds models, one table says what kinds of block there are."""

import ast
import typing
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import attn_cli
from attn_cli.config.block_kinds import BLOCK_KINDS
from attn_cli.config.schema import ModelConfig, Task
from attn_cli.errors import ConfigError, OperationError
from attn_cli.model.block import Block
from attn_cli.model.build import build_model
from attn_cli.model.parameter_shapes import parameter_shapes
from tests.conftest import tiny_config


def test_nothing_but_build_model_constructs_a_model() -> None:
    root = Path(attn_cli.__file__).parent
    models = ("Classifier", "EncoderDecoder", "Transformer")
    callers = [
        (path.relative_to(root).as_posix(), ast.unparse(node.func))
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in models
    ]
    assert callers == [("model/build.py", model) for model in models]


def test_the_table_has_the_kinds_of_the_configuration() -> None:
    assert set(BLOCK_KINDS) == set(typing.get_args(ModelConfig.model_fields["block"].annotation))


@pytest.mark.parametrize("use", [build_model, parameter_shapes])
def test_an_unknown_kind_is_refused_by_name(use: typing.Callable[..., object]) -> None:
    config = tiny_config().model.model_copy(update={"block": "third"})
    with pytest.raises(ConfigError, match="third"):
        use(config, 17)


def test_an_unknown_position_is_refused_by_name() -> None:
    config = tiny_config().model.model_copy(update={"position": "third"})
    with pytest.raises(ConfigError, match=r"model\.position: third"):
        build_model(config, 17)


def test_parameters_that_a_checkpoint_could_not_be_read_by_are_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def with_a_gate(self: Block, *arguments: Any, **options: Any) -> None:
        make_block(self, *arguments, **options)
        self.gate = nn.Parameter(torch.zeros(3))

    make_block = Block.__init__
    monkeypatch.setattr(Block, "__init__", with_a_gate)
    with pytest.raises(OperationError, match=r"blocks\.0\.gate is \(3,\) .* not in model/param"):
        build_model(tiny_config().model, 17)


@pytest.mark.parametrize(("task", "stacks"), [("lm", 1), ("mlm", 1), ("seq2seq", 2)])
def test_stacks_hold_every_layer(task: Task, stacks: int) -> None:
    model = build_model(tiny_config("model.n_layer=3").model, 17, task)
    layers = [layer for stack in model.stacks() for layer in stack.layers()]
    assert len(layers) == 3 * stacks
    assert set(layers) == {module for module in model.modules() if isinstance(module, Block)}
