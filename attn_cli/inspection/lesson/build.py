"""A lesson on attention: the steps in their order."""

from __future__ import annotations

from attn_cli.inspection.forward_pass import ForwardPass
from attn_cli.inspection.lesson import (
    asking,
    attending,
    beginning,
    choosing,
    joining,
    norms,
    thinking,
)
from attn_cli.inspection.lesson.scene import scene_of
from attn_cli.inspection.steps import Step
from attn_cli.text.tokenizer import Tokenizer


def lesson(
    seen: ForwardPass, tokenizer: Tokenizer, *, layer: int = 0, head: int = 0, foreword: str = ""
) -> list[Step]:
    """All that happens to a text in a model, in steps, with the numbers of that forward pass.

    Args:
        seen: The text's way through the model.
        tokenizer: The model's vocabulary.
        layer: The layer that is followed, from 0.
        head: The head of it, from 0.
        foreword: A paragraph about this model, before all others.
    """
    scene = scene_of(seen, tokenizer, layer, head)
    steps = (
        beginning.question(scene, foreword),
        beginning.ids(scene),
        beginning.embeddings(scene),
        beginning.positions(scene),
        norms.attention_norm(scene),
        asking.queries_keys_values(scene),
        asking.split(scene),
        asking.normed(scene),
        asking.turned(scene),
        attending.one_score(scene),
        attending.scaled(scene),
        attending.masked(scene),
        attending.softmax_by_hand(scene),
        attending.with_and_without(scene),
        attending.mixed(scene),
        joining.other_heads(scene),
        joining.merged(scene),
        joining.residual(scene),
        thinking.norm_again(scene),
        thinking.feed_forward(scene),
        thinking.residual(scene),
        thinking.again(scene),
        choosing.logits(scene),
        choosing.odds(scene),
        choosing.sampling(scene),
        choosing.learning(scene),
    )
    return [step for step in steps if step is not None]
