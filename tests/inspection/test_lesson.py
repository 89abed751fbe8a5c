"""A lesson's arithmetic comes out, and its tables are the numbers of the forward pass."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pytest
import torch

from attn_cli.errors import InputError
from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.inspection.lesson.blocks import LessonStep, SideBySide, Table
from attn_cli.inspection.lesson.build import lesson
from attn_cli.inspection.lesson.rounding import rounded
from attn_cli.model.build import build_model
from attn_cli.model.transformer import Transformer
from attn_cli.text.tokenizer import Tokenizer, bytes_tokenizer, printable_tokenizer
from tests.conftest import tiny_config
from tests.inspection.redone import check_arithmetic, parts, tables, unit

KINDS = {
    "gpt2": ["model.bias=true"],
    "qwen3": ["model.block=qwen3", "model.position=rope", "model.n_head=2"],
    "gpt2 with rope": ["model.position=rope", "model.n_head=2"],
    "qwen3 with learned positions": ["model.block=qwen3"],
    "sinusoidal": ["model.position=sinusoidal"],
    "none": ["model.position=none", "model.n_layer=1"],
    "one head": ["model.n_head=1", "model.tie_embeddings=false"],
    "many heads and layers": ["model.n_head=12", "model.n_layer=9"],
    "narrow": ["model.n_embd=4", "model.n_head=2", "model.n_inner=6", "model.bias=true"],
    "one channel": ["model.n_embd=1", "model.n_head=1"],
}
TEXTS = {"one": "x", "a few": "Hello", "whole window": "to be or not to "}


def told(
    kind: str,
    text: str,
    *,
    tokenizer: Tokenizer | None = None,
    layer: int = 0,
    head: int = 0,
    spread: float = 20.0,
) -> tuple[Transformer, list[LessonStep]]:
    """A lesson on a model of random weights as large as trained ones."""
    torch.manual_seed(3)
    tokenizer = tokenizer or printable_tokenizer()
    model = build_model(tiny_config(*KINDS[kind]).model, tokenizer.vocab_size).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_()
            elif parameter.dim() == 1:
                parameter.uniform_(0.5, 2.0)
            else:
                parameter.mul_(spread)
    seen = forward_pass(model, tokenizer.encode(text).tolist())
    return model, lesson(seen, tokenizer, layer=layer, head=head)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_calculator_finds_the_same(kind: str, text: str) -> None:
    check_arithmetic(told(kind, text)[1])


@pytest.mark.parametrize("kind", ["gpt2", "qwen3"])
def test_and_for_the_last_layer_and_head_and_with_fresh_weights(kind: str) -> None:
    check_arithmetic(told(kind, "Hello", layer=1, head=1)[1])
    check_arithmetic(told(kind, "Hello", spread=1.0)[1])


def test_bytes_and_characters_that_leave_no_mark() -> None:
    _, steps = told("gpt2", "é \n\t\x00", tokenizer=bytes_tokenizer())
    check_arithmetic(steps)
    names = [name for name, _ in next(t for t in tables(steps) if t.columns == ("id",)).rows]
    assert names == ["0 \\xc3", "1 \\xa9", "2 ␣", "3 ⏎", "4 ⇥", "5 \\x00"]
    shown = "".join(str(step) for step in steps)
    assert "\x00" not in shown


def titles(kind: str, text: str = "Hello") -> list[str]:
    return [step.title for step in told(kind, text)[1]]


def test_the_steps_are_those_of_the_model() -> None:
    gpt2, qwen3 = titles("gpt2"), titles("qwen3")
    extra = ["Query and key norm", "Rotary positions"]
    assert [title for title in qwen3 if title not in extra] == gpt2
    assert all(title in qwen3 for title in extra)
    assert titles("gpt2 with rope").count("Rotary positions") == 1
    assert "Rotary positions" not in titles("qwen3 with learned positions")
    assert "The other heads" not in titles("one head")
    assert "Where the weights come from" not in titles("gpt2", "x")


@pytest.mark.parametrize("kind", ["block", "position"])
def test_a_model_of_an_unknown_kind_is_refused_by_name(kind: str) -> None:
    model, _ = told("gpt2", "Hello")
    activations = forward_pass(model, printable_tokenizer().encode("Hello").tolist())
    model.config = model.config.model_copy(update={kind: "mamba"})
    with pytest.raises(InputError, match=f"the lesson does not support model.{kind}: mamba"):
        lesson(activations, printable_tokenizer())


def by_caption(steps: Sequence[LessonStep], beginning: str) -> Table:
    (table,) = [table for table in tables(steps) if table.caption.startswith(beginning)]
    return table


@pytest.mark.parametrize("kind", ["gpt2", "qwen3"])
def test_the_tables_are_the_tensors(kind: str) -> None:
    model, steps = told(kind, "Hello", layer=1, head=1)
    seen = forward_pass(model, printable_tokenizer().encode("Hello").tolist())
    at = "block 2.attention."
    for caption, tensor in {
        "embeddings of the text": seen["token embedding"],
        "values of head 2": seen[at + "value heads"][1],
        "scores: queries": seen[at + "scores"][1],
        "scaled scores": seen[at + "scaled scores"][1],
        "masked scores": seen[at + "masked scores"][1],
        "with the causal mask": seen.attention[1, 1],
        "without the mask": seen[at + "scaled scores"][1].softmax(-1),
        "output of head 2": seen[at + "weights @ value"][1],
        "merged heads": seen[at + "merged heads"],
        "the residual stream after feed-forward": seen.residual_stream[2],
    }.items():
        table = by_caption(steps, caption)
        for row, (_, cells) in zip(tensor.tolist(), table.rows, strict=True):
            shown = [*row[:6], row[-1]] if "…" in cells else row
            for number, cell in zip(shown, [c for c in cells if c != "…"], strict=True):
                if math.isinf(number):
                    assert cell == "-∞"
                else:
                    assert abs(number - float(cell)) <= 0.51 * unit(cell), caption


def test_a_long_text_and_a_wide_model_show_what_fits() -> None:
    _, steps = told("many heads and layers", TEXTS["whole window"])
    for table in tables(steps):
        assert len(table.columns) <= 8
        assert len(table.rows) <= 9
    scores = by_caption(steps, "scores: queries")
    assert scores.caption == "scores: queries down, keys across, (T, T) = (16, 16); 8 of them"
    names = [f"{i:2} {c}" for i, c in enumerate("to␣be␣or␣not␣to␣")]
    assert [name for name, _ in scores.rows][1:] == names[9:]
    # The first row is the one that the last looks at most: its score is worked out.
    (met,) = [t for t in parts(steps) if isinstance(t, str) and "meets the key of" in t]
    assert scores.rows[0][0] in names
    assert f"at position {int(scores.rows[0][0].split()[0])}" in met


def test_what_is_said_of_the_mask_is_true() -> None:
    _, steps = told("gpt2", "Hello")
    both = next(part for part in parts(steps) if isinstance(part, SideBySide))
    later = sum(float(cell) for cell in both.right.rows[0][1][1:])
    said = next(p for p in parts(steps) if isinstance(p, str) and p.startswith("Without the mask"))
    share = re.search(r"would give ([01]\.\d\d) of its weight", said)
    assert share
    assert abs(float(share[1]) - later) < 0.03
    assert both.left.rows[-1] == both.right.rows[-1]
    assert both.left.rows[0][1] == ("1.00", "0.00", "0.00", "0.00", "0.00")


def test_steps_have_no_markup_and_no_controls() -> None:
    for kind in KINDS:
        for part in parts(told(kind, "Hello")[1]):
            text = str(part)
            assert "[/" not in text
            assert "\x1b" not in text
            assert "nan" not in text


def test_numbers_are_written_alike() -> None:
    assert rounded([1.0, -2.0]) == ("1", "-2")
    assert rounded([1.0, 0.5]) == ("1.000", "0.500")
    assert rounded([-0.0001, 0.1]) == ("0.000", "0.100")
    assert rounded([0.99999999, float("-inf")], 5) == ("1", "-∞")
