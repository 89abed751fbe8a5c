"""The lesson on an encoder-decoder: its arithmetic comes out, its tables are the trace's."""

from __future__ import annotations

import pytest
import torch

from attn_cli.inspection.lesson.blocks import LessonStep, Table
from attn_cli.inspection.lesson.pairs import pair_lesson
from attn_cli.inspection.pair_pass import PairPass, run_pair
from attn_cli.model.build import build_model
from attn_cli.model.encoder_decoder import EncoderDecoder
from attn_cli.text.tokenizer import printable_tokenizer
from tests.conftest import tiny_config
from tests.inspection.redone import check_arithmetic, parts, tables

TOKENIZER = printable_tokenizer()
KINDS = {
    "gpt2": ["model.position=learned", "model.bias=true"],
    "qwen3": ["model.block=qwen3", "model.position=rope", "model.n_head=2"],
    "rotary positions only in self-attention": [
        "model.position=rope", "model.n_head=2", "model.cross_rope=false",
    ],
    "narrow": ["model.n_embd=4", "model.n_head=2", "model.position=none"],
}  # fmt: skip
TEXTS = {"short": ("a", ""), "a few": ("owl", "lwo"), "long": ("a longer text", "to be or not")}


def told(
    kind: str, source: str, target: str, *, layer: int = 0, head: int = 0
) -> tuple[PairPass, list[LessonStep]]:
    """A lesson on a model of random weights as large as trained ones."""
    torch.manual_seed(3)
    config = tiny_config("task=seq2seq", *KINDS[kind])
    model = build_model(config.model, TOKENIZER.vocab_size, config.task).eval()
    assert isinstance(model, EncoderDecoder)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(20.0) if parameter.dim() > 1 else parameter.uniform_(0.5, 2.0)
    source_ids, target_ids = (TOKENIZER.encode(text).tolist() for text in (source, target))
    newline_id = TOKENIZER.symbols.index("\n")
    seen = run_pair(model, source_ids, target_ids, newline_id)
    return seen, pair_lesson(seen, TOKENIZER, layer=layer, head=head)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("source", "target"), TEXTS.values(), ids=TEXTS.keys())
def test_a_calculator_finds_the_same(kind: str, source: str, target: str) -> None:
    check_arithmetic(told(kind, source, target)[1], norm=False)


def table(steps: list[LessonStep], caption: str) -> Table:
    (found,) = (each for each in tables(steps) if each.caption.startswith(caption))
    return found


def test_the_tables_are_the_numbers_of_the_trace() -> None:
    seen, steps = told("qwen3", "owls", "slw", layer=1, head=1)
    weights = seen["decoder.block 2.cross-attention.softmax weights"][1]  # (T, S)
    alignment = table(steps, "weights: target down")
    assert alignment.columns == ("o", "w", "l", "s", "⏎")
    assert [name for name, _ in alignment.rows] == ["0 s", "1 l", "2 w", "3 ⏎"]
    assert alignment.caption.endswith("(T, S) = (4, 5)")
    shown = torch.tensor([[float(cell) for cell in cells] for _, cells in alignment.rows])
    torch.testing.assert_close(shown, weights, atol=0.00051, rtol=0)
    followed, top_key = divmod(int(weights.argmax()), 5)
    text = " ".join(part for part in parts(steps) if isinstance(part, str))
    assert f"head 2 of layer 2 while the decoder writes ‘{'slw⏎'[followed]}’" in text
    assert f"the key of ‘{'owls⏎'[top_key]}’ at position {top_key} of the source" in text
    losses = table(steps, "losses, (T) = (4)")
    shown = torch.tensor([float(cells[1]) for _, cells in losses.rows])
    torch.testing.assert_close(shown, seen.losses, atol=0.00051, rtol=0)
    reads = table(steps, "the target, T = 4")
    assert [cells for _, cells in reads.rows] == [("⏎", "s"), ("s", "l"), ("l", "w"), ("w", "⏎")]


def test_only_rotary_positions_are_told() -> None:
    found = {kind: "rotated by their positions" in str(told(kind, "owl", "l")[1]) for kind in KINDS}
    assert found == {kind: kind == "qwen3" for kind in KINDS}


def test_each_step_is_at_a_stage_of_the_way() -> None:
    _, steps = told("qwen3", "owls", "slw", layer=1)
    (way,) = {step.way for step in steps}
    assert [stage.name for stage in way if stage.name != "feed-forward"] == list(
        dict.fromkeys(step.stage for step in steps)
    )
