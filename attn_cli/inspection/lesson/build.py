"""The steps of a lesson in their order."""

from __future__ import annotations

from attn_cli.inspection.forward_pass import ForwardPass
from attn_cli.inspection.lesson import (
    attention,
    embeddings,
    feed_forward,
    logits_and_sampling,
    merge_heads,
    norms,
    queries_keys_values,
)
from attn_cli.inspection.lesson.blocks import LessonStep
from attn_cli.inspection.lesson.context import lesson_context
from attn_cli.inspection.supported import check_supported
from attn_cli.text.tokenizer import Tokenizer


def lesson(
    activations: ForwardPass,
    tokenizer: Tokenizer,
    *,
    layer: int = 0,
    head: int = 0,
    foreword: str = "",
) -> list[LessonStep]:
    """The steps from a text to the next character, with the numbers of one forward pass.

    Args:
        activations: The forward pass of the text.
        tokenizer: The model's vocabulary.
        layer: The layer that is followed, from 0.
        head: The head of that layer, from 0.
        foreword: A paragraph about this model, early in the first step.

    Raises:
        InputError: The model has a kind of block or position that the lesson does not know.
    """
    check_supported(activations.model.config, "the lesson")
    context = lesson_context(activations, tokenizer, layer, head)
    steps = (
        embeddings.question(context, foreword),
        embeddings.ids(context),
        embeddings.token_embeddings(context),
        embeddings.position_embeddings(context),
        norms.attention_norm(context),
        queries_keys_values.linear_layers(context),
        queries_keys_values.split_into_heads(context),
        queries_keys_values.query_key_norm(context),
        queries_keys_values.rotary_positions(context),
        attention.one_score(context),
        attention.scaled_scores(context),
        attention.causal_mask(context),
        attention.softmax(context),
        attention.with_and_without_mask(context),
        attention.weighted_values(context),
        merge_heads.other_heads(context),
        merge_heads.merge_and_project(context),
        merge_heads.residual(context),
        feed_forward.feed_forward_norm(context),
        feed_forward.feed_forward(context),
        feed_forward.residual(context),
        feed_forward.other_layers(context),
        logits_and_sampling.logits(context),
        logits_and_sampling.probabilities(context),
        logits_and_sampling.sampling(context),
        logits_and_sampling.loss(context),
    )
    return [step for step in steps if step is not None]
