"""The rows of inspect-shapes follow from the operations, and add up."""

import pytest
import torch

from attn_cli.inspection.shapes import Shapes, inspect_shapes
from attn_cli.model.transformer import Transformer
from tests.conftest import tiny_config


def inspected(*settings: str, length: int = 5, vocab_size: int = 100) -> tuple[Transformer, Shapes]:
    torch.manual_seed(0)
    model = Transformer(tiny_config(*settings).model, vocab_size)
    return model, inspect_shapes(model, list(range(length)))


@pytest.mark.parametrize("block", ["gpt2", "qwen3"])
@pytest.mark.parametrize("tied", ["true", "false"])
def test_parameters_add_up(block: str, tied: str) -> None:
    model, shapes = inspected(f"model.block={block}", f"model.tie_embeddings={tied}")
    unique = sum(parameter.numel() for parameter in model.parameters())
    assert sum(row.parameters for row in shapes.rows) == shapes.parameters == unique
    logits = shapes.rows[-1]
    assert logits.operation == "logits"
    assert logits.tied == (tied == "true")
    assert (logits.parameters == 0) == (tied == "true")


def test_symbols_come_from_the_operation() -> None:
    """With T = H = D = 5 and V = C = 25, sizes alone could not tell one axis from another."""
    _, shapes = inspected("model.n_embd=25", "model.n_head=5", length=5, vocab_size=25)
    rows = {row.operation: row for row in shapes.rows if row.path in ("", "block 1.attention")}
    assert rows["query heads"].symbolic == ("B", "H", "T", "D")
    assert rows["scores"].symbolic == ("B", "H", "T", "T")
    assert rows["scores"].shape == rows["query heads"].shape == (1, 5, 5, 5)
    assert rows["logits"].symbolic == ("B", "T", "V")
    assert rows["final norm"].symbolic == ("B", "T", "C")


@pytest.mark.parametrize("block", ["gpt2", "qwen3"])
def test_dims_explain_every_shape(block: str) -> None:
    _, shapes = inspected(f"model.block={block}", "model.position=rope", length=7)
    for row in shapes.rows:
        assert tuple(shapes.dims[symbol] for symbol in row.symbolic) == row.shape


def test_each_step_has_its_row_in_the_order_of_a_lesson() -> None:
    _, shapes = inspected("model.n_layer=1")
    assert [row.full_name for row in shapes.rows] == [
        "characters",
        "token embedding",
        "position embedding",
        "token + position",
        "block 1.attention norm",
        "block 1.attention.query",
        "block 1.attention.key",
        "block 1.attention.value",
        "block 1.attention.query heads",
        "block 1.attention.key heads",
        "block 1.attention.value heads",
        "block 1.attention.scores",
        "block 1.attention.scaled scores",
        "block 1.attention.masked scores",
        "block 1.attention.softmax weights",
        "block 1.attention.weights @ value",
        "block 1.attention.merged heads",
        "block 1.attention.projection",
        "block 1.attention residual",
        "block 1.feed-forward norm",
        "block 1.feed-forward.up",
        "block 1.feed-forward.gelu",
        "block 1.feed-forward.down",
        "block 1.feed-forward residual",
        "final norm",
        "logits",
    ]
