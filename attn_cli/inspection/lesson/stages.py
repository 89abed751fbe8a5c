"""The way of a text through a model, in the stages that a lesson follows one after another."""

from __future__ import annotations

from attn_cli.inspection.lesson.blocks import Stage
from attn_cli.inspection.lesson.context import LessonContext
from attn_cli.inspection.lesson.pair_context import PairContext
from attn_cli.inspection.lesson.quantities import T
from attn_cli.inspection.lesson.said import say

TEXT, EMBEDDING = "text", "embedding"
EARLIER, LATER = "earlier layers", "later layers"  # than the one that is followed
ATTENTION, FEED_FORWARD = "attention", "feed-forward"
SOURCE, ENCODER, DECODER = "source", "encoder", "decoder"
CROSS_ATTENTION = "cross-attention"
NEXT, HIDDEN = "next character", "hidden character"  # what a decoder answers, and an encoder


def way(context: LessonContext) -> tuple[Stage, ...]:
    """The stages from a text to a model's answer, in the order in which the model computes.

    The length of the text is a place (`said.py`) in their shapes.
    """
    length = say(T)
    stream = f"({length}, {context.C})"
    earlier, later = context.layer, context.L - 1 - context.layer
    stages = [Stage(TEXT, f"({length})"), Stage(EMBEDDING, stream)]
    if earlier:
        stages.append(Stage(EARLIER, f"{earlier} × {stream}"))
    stages += [
        Stage(ATTENTION, f"{context.H} × ({length}, {length})"),
        Stage(FEED_FORWARD, stream),
    ]
    if later:
        stages.append(Stage(LATER, f"{later} × {stream}"))
    return (*stages, Stage(answer(context), f"({len(context.answer_logits)})"))


def pair_way(context: PairContext) -> tuple[Stage, ...]:
    """The stages from a source to the target, of an encoder-decoder; with places, too."""
    config = context.model.config
    C, H = config.n_embd, config.n_head
    source, target = say("S"), say(T)
    return (
        Stage(SOURCE, f"({source})"),
        Stage(ENCODER, f"({source}, {C})"),
        Stage(DECODER, f"({target}, {C})"),
        Stage(CROSS_ATTENTION, f"{H} × ({target}, {source})"),
        Stage(FEED_FORWARD, f"({target}, {C})"),
        Stage(NEXT, f"({len(context.answer_logits)})"),
    )


def answer(context: LessonContext) -> str:
    """The name of the last stage: what the model is asked for."""
    return HIDDEN if context.encoder else NEXT


def other_layers(context: LessonContext) -> str:
    """The stage of the layers that are not followed; where there are none, of the one that is."""
    return EARLIER if 0 < context.layer == context.L - 1 else end_of_layers(context)


def end_of_layers(context: LessonContext) -> str:
    """The stage that the last layer's vectors leave."""
    return LATER if context.layer < context.L - 1 else FEED_FORWARD
