"""The steps of a lesson in their order; one without parts is left out."""

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
from attn_cli.inspection.lesson.context import LessonContext
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
    context = LessonContext(activations, tokenizer, layer, head)
    steps = {
        "What comes next?": embeddings.question(context, foreword),
        "From characters to ids": embeddings.ids(context),
        "Embeddings": embeddings.token_embeddings(context),
        "Positions": embeddings.position_embeddings(context),
        "The norm": norms.attention_norm(context),
        "Query, key and value": queries_keys_values.linear_layers(context),
        "Split into heads": queries_keys_values.split_into_heads(context),
        "One head": queries_keys_values.one_head(context),
        "Query and key norm": queries_keys_values.query_key_norm(context),
        "Rotary positions": queries_keys_values.rotary_positions(context),
        "One score, by hand": attention.one_score(context),
        "Scaled scores": attention.scaled_scores(context),
        "The causal mask": attention.causal_mask(context),
        "Softmax, by hand": attention.softmax(context),
        "With and without the mask": attention.with_and_without_mask(context),
        "The weighted sum of values": attention.weighted_values(context),
        "The other heads": merge_heads.other_heads(context),
        "Merge and projection": merge_heads.merge_and_project(context),
        "Residual connection": merge_heads.residual(context),
        "The norm again": feed_forward.feed_forward_norm(context),
        "Feed-forward": feed_forward.feed_forward(context),
        "Residual connection again": feed_forward.residual(context),
        "The other layers": feed_forward.other_layers(context),
        "Logits": logits_and_sampling.logits(context),
        "Probabilities": logits_and_sampling.probabilities(context),
        "Sampling": logits_and_sampling.sampling(context),
        "Where the weights come from": logits_and_sampling.loss(context),
    }
    with_parts = ((title, tuple(parts)) for title, parts in steps.items())
    return [LessonStep(title, parts) for title, parts in with_parts if parts]
