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
from attn_cli.inspection.lesson.build import lesson, lesson_on
from attn_cli.inspection.lesson.declared import OfThisText
from attn_cli.inspection.lesson.rounding import rounded
from attn_cli.model.build import build_model
from attn_cli.model.stack import Stack
from attn_cli.runs.loaded_model import LoadedModel
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
    "n-grams": ["model.ngrams=[2, 3]", "model.ngram_rows=11000", "model.ngram_embd=5"],
    "hashed n-grams": ["model.ngrams=[4, 2]", "model.ngram_rows=17", "model.position=none"],
    "encoder with n-grams": ["task=mlm", "model.ngrams=[2]", "model.block=qwen3"],
    "encoder": ["task=mlm", "model.bias=true"],
    "encoder without positions": ["task=mlm", "model.block=qwen3", "model.position=none"],
    "small encoder": ["task=mlm", "model.n_embd=8", "model.n_head=1", "model.position=rope"],
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
    decoder: str | None = None,
) -> tuple[Stack, list[LessonStep]]:
    """A lesson on a model of random weights as large as trained ones."""
    loaded = a_model(kind, tokenizer or printable_tokenizer(), spread)
    ids = loaded.encode_prompt(text, blank="_" if loaded.config.task == "mlm" else "")
    other = None if decoder is None else a_model(decoder, printable_tokenizer(), spread)
    _, steps = lesson_on(loaded, ids, layer=layer, head=head, decoder=other)
    return loaded.model, steps


def a_model(kind: str, tokenizer: Tokenizer, spread: float) -> LoadedModel:
    torch.manual_seed(3)
    config = tiny_config(*KINDS[kind])
    tokenizer = tokenizer.with_mask() if config.task == "mlm" else tokenizer
    model = build_model(config.model, tokenizer.vocab_size, config.task).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_()
            elif parameter.dim() == 1:
                parameter.uniform_(0.5, 2.0)
            else:
                parameter.mul_(spread)
    return LoadedModel(config, tokenizer, 0, kind, lambda: model)


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
    share = re.search(r"would give ([01]\.\d\d) of its weight", said(steps, "Without the mask"))
    assert share
    assert abs(float(share[1]) - later) < 0.03
    assert both.left.rows[-1] == both.right.rows[-1]
    assert both.left.rows[0][1] == ("1.00", "0.00", "0.00", "0.00", "0.00")


def said(steps: Sequence[LessonStep], beginning: str) -> str:
    """The paragraph that begins with these words."""
    (found,) = [p for p in parts(steps) if isinstance(p, str) and p.startswith(beginning)]
    return found


def test_an_encoder_is_asked_what_is_missing() -> None:
    model, steps = told("encoder", "Hel_o")
    shown = [step.title for step in steps]
    assert shown[0] == "Which character is missing?"
    assert "Here ‘▢’ at position 3 stands for it" in said(steps, "An encoder answers")
    decoders = ["What comes next?", "The causal mask", "Sampling"]
    assert not set(shown) & {*decoders, "Beside a decoder"}
    assert {"No mask", "Filling the blank", "Context-aware embeddings"} <= set(shown)
    assert "is not known" in said(steps, "What is hidden in this text")
    # Of a text without blanks, the middle is hidden, and its loss is that of what was there.
    model, steps = told("encoder", "Hello")
    text = printable_tokenizer().encode("Hello").tolist()
    mask_id = printable_tokenizer().vocab_size
    logits = forward_pass(model, [*text[:2], mask_id, *text[3:]])["logits"][2, :mask_id]
    loss = -float(logits.log_softmax(-1)[text[2]])
    name, (hidden, _, cell) = by_caption(steps, "losses of each character").rows[2]
    assert (name, hidden) == ("2 ▢", "l")
    assert float(cell) == pytest.approx(loss, abs=0.51 * unit(cell))


def test_an_encoder_weighs_both_sides() -> None:
    model, steps = told("encoder", "Hel_o", layer=1, head=1)
    text = printable_tokenizer().encode("Hel").tolist()
    seen = forward_pass(
        model, [*text, printable_tokenizer().vocab_size, *printable_tokenizer().encode("o")]
    )
    row = seen.attention[1, 1, 3]
    shares = [float(row[:3].sum()), float(row[3]), float(row[4:].sum())]
    numbers = re.findall(r"[01]\.\d\d", said(steps, "Of the weight of"))
    assert [float(number) for number in numbers] == pytest.approx(shares, abs=0.0051)
    both = next(part for part in parts(steps) if isinstance(part, SideBySide))
    for query, (_, cells) in enumerate(both.right.rows):
        assert all(cell == "0.00" for cell in cells[query + 1 :])
    scores = seen["block 2.attention.scaled scores"][1, 3, :4].softmax(-1).tolist()
    masked = [float(cell) for cell in both.right.rows[3][1][:4]]
    assert masked == pytest.approx(scores, abs=0.0051)


def test_an_encoder_beside_a_decoder() -> None:
    model, steps = told("encoder", "to be or not to", layer=1, head=1, decoder="gpt2")
    decoder = a_model("gpt2", printable_tokenizer(), 20.0).model
    ids = printable_tokenizer().encode("to be or not to").tolist()
    seen = forward_pass(decoder, ids)
    pairs = [part for part in parts(steps) if isinstance(part, SideBySide)]
    maps, cosines = pairs[1], pairs[2]
    shown = [int(name.split()[0]) for name, _ in maps.right.rows]
    for query, (_, cells) in zip(shown, maps.right.rows, strict=True):
        numbers = [float(cell) for cell in cells]
        assert numbers == pytest.approx(seen.attention[1, 1, query, shown].tolist(), abs=0.0051)
    # "to be" alone, and as the beginning of the text: only the encoder notices.
    assert [name for name, _ in cosines.left.rows] == [f"{i} {c}" for i, c in enumerate("to␣be")]
    for name, cells in cosines.right.rows:
        assert {*cells} == {"1"}, name
    alone = forward_pass(model, ids[:5]).residual_stream[:, 4]
    whole = forward_pass(model, ids).residual_stream[:, 4]
    expected = torch.cosine_similarity(alone, whole, dim=-1).tolist()
    last = [float(cell) for cell in cosines.left.rows[4][1]]
    assert last == pytest.approx(expected, abs=0.00051)
    assert last[0] == 1
    assert last[-1] < 0.999
    answers = by_caption(steps, "probabilities of each character")
    before = seen["logits"][6].softmax(-1).tolist()  # of the character at position 7
    for symbol, (_, cell) in answers.rows:
        id_ = printable_tokenizer().symbols.index(symbol)
        assert float(cell) == pytest.approx(before[id_], abs=0.00051)


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
    assert rounded([0.99999999, float("-inf")], 5) == ("1", "-∞")  # within 32 bits
    assert rounded([0.99998, 0.00002]) == ("1.000", "0.000")  # but these are no whole numbers


@pytest.mark.parametrize(
    ("kind", "layer", "names"),
    [
        ("gpt2", 0, "text, embedding, attention, feed-forward, later layers, next character"),
        ("gpt2", 1, "text, embedding, earlier layers, attention, feed-forward, next character"),
        ("encoder", 0, "text, embedding, attention, feed-forward, later layers, hidden character"),
    ],
)
def test_each_step_is_at_a_stage_of_the_way(kind: str, layer: int, names: str) -> None:
    model, steps = told(kind, "He_lo" if kind == "encoder" else "Hello", layer=layer)
    (way,) = {step.way for step in steps}
    assert ", ".join(stage.name for stage in way) == names
    assert {step.stage for step in steps} == {stage.name for stage in way}
    shapes = {stage.name: stage.shape for stage in way}
    assert shapes["attention"] == f"{model.config.n_head} × (5, 5)"
    assert shapes["embedding"] == shapes["feed-forward"] == f"(5, {model.config.n_embd})"
    at = {step.title: step.stage for step in steps}
    assert at["The other layers"] == ("earlier layers" if layer else "later layers")
    assert at["The norm"] == at["Residual connection"] == "attention"
    assert at["The norm again"] == at["Residual connection again"] == "feed-forward"


def test_a_single_layer_has_no_other_layers_on_its_way() -> None:
    _, steps = told("none", "Hello")
    assert {step.stage for step in steps} == {stage.name for stage in steps[0].way}
    assert not any("layers" in stage.name for stage in steps[0].way)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "n-grams" not in kind])
def test_what_the_steps_declare_is_the_same_for_every_text(kind: str) -> None:
    def followed(text: str) -> list[tuple[object, ...]]:
        return [
            tuple("" if isinstance(part, OfThisText) else part for part in step.plan)
            for step in told(kind, text)[1]
        ]

    assert followed("Hello") == followed("to be or not to ")
