"""The steps of a lesson in their order; one without parts is left out."""

from collections.abc import Iterable

from attn_cli.generation.fill import fill
from attn_cli.inspection.forward_pass import ForwardPass, forward_pass
from attn_cli.inspection.hidden_characters import HiddenCharacters, hidden_characters
from attn_cli.inspection.lesson import (
    attention,
    both_sides,
    embeddings,
    feed_forward,
    logits_and_sampling,
    mask,
    merge_heads,
    ngrams,
    norms,
    queries_keys_values,
    stages,
)
from attn_cli.inspection.lesson.blocks import LessonStep
from attn_cli.inspection.lesson.context import LessonContext
from attn_cli.inspection.lesson.declared import Declared
from attn_cli.inspection.lesson.rendering import rendered_step, rendered_way
from attn_cli.inspection.lesson.stages import ATTENTION, EMBEDDING, FEED_FORWARD, TEXT
from attn_cli.inspection.supported import check_supported
from attn_cli.runs.loaded_model import LoadedModel
from attn_cli.text.tokenizer import Tokenizer


def lesson(
    activations: ForwardPass,
    tokenizer: Tokenizer,
    *,
    layer: int = 0,
    head: int = 0,
    foreword: str = "",
    hidden: HiddenCharacters | None = None,
    decoder: tuple[ForwardPass, Tokenizer] | None = None,
) -> list[LessonStep]:
    """The steps from a text to what a model predicts, with the numbers of one forward pass.

    Args:
        activations: The forward pass of the text; of an encoder, with blanks.
        tokenizer: The model's vocabulary.
        layer: The layer that is followed, from 0.
        head: The head of that layer, from 0.
        foreword: A paragraph about this model, early in the first step.
        hidden: Of an encoder, each character of the text hidden in turn, where all are known.
        decoder: To compare an encoder with: a decoder on the same text, and its vocabulary.

    Raises:
        InputError: The model has a kind of block or position that the lesson does not know.
    """
    check_supported(activations.model.config, "the lesson")
    context = LessonContext(activations, tokenizer, layer, head, hidden, decoder)
    way = rendered_way(stages.way(context), context)
    steps = (
        rendered_step(context, stage, title, tuple(plan), way)
        for stage, title, plan in _steps(context, foreword)
    )
    return [step for step in steps if step.parts]


def _steps(context: LessonContext, foreword: str) -> list[tuple[str, str, Iterable[Declared]]]:
    """Each step's stage, title and parts, in order; some have no parts."""
    encoder = context.encoder
    question = "Which character is missing?" if encoder else "What comes next?"
    masking = ("No mask", mask.no_mask) if encoder else ("The causal mask", mask.causal_mask)
    in_context = both_sides.context_aware_embeddings(context) if encoder else ()
    other_layers, end_of_layers = stages.other_layers(context), stages.end_of_layers(context)
    answer, answering = stages.answer(context), "Filling the blank" if encoder else "Sampling"
    return [
        (TEXT, question, embeddings.question(context, foreword)),
        (TEXT, "From characters to ids", embeddings.ids(context)),
        (EMBEDDING, "Embeddings", embeddings.token_embeddings(context)),
        (EMBEDDING, "N-grams", ngrams.ngram_embeddings(context)),
        (EMBEDDING, "Positions", embeddings.position_embeddings(context)),
        (ATTENTION, "The norm", norms.attention_norm(context)),
        (ATTENTION, "Query, key and value", queries_keys_values.linear_layers(context)),
        (ATTENTION, "Split into heads", queries_keys_values.split_into_heads(context)),
        (ATTENTION, "One head", queries_keys_values.one_head(context)),
        (ATTENTION, "Query and key norm", queries_keys_values.query_key_norm(context)),
        (ATTENTION, "Rotary positions", queries_keys_values.rotary_positions(context)),
        (ATTENTION, "One score, by hand", attention.one_score(context)),
        (ATTENTION, "Scaled scores", attention.scaled_scores(context)),
        (ATTENTION, masking[0], masking[1](context)),
        (ATTENTION, "Softmax, by hand", attention.softmax(context)),
        (ATTENTION, "With and without the mask", mask.with_and_without_mask(context)),
        (ATTENTION, "The weighted sum of values", attention.weighted_values(context)),
        (ATTENTION, "The other heads", merge_heads.other_heads(context)),
        (ATTENTION, "Merge and projection", merge_heads.merge_and_project(context)),
        (ATTENTION, "Residual connection", merge_heads.residual(context)),
        (FEED_FORWARD, "The norm again", feed_forward.feed_forward_norm(context)),
        (FEED_FORWARD, "Feed-forward", feed_forward.feed_forward(context)),
        (FEED_FORWARD, "Residual connection again", feed_forward.residual(context)),
        (other_layers, "The other layers", feed_forward.other_layers(context)),
        (end_of_layers, "Context-aware embeddings", in_context),
        (answer, "Logits", logits_and_sampling.logits(context)),
        (answer, "Probabilities", logits_and_sampling.probabilities(context)),
        (answer, answering, logits_and_sampling.sampling(context)),
        (answer, "Beside a decoder", both_sides.beside_decoder(context)),
        (answer, "Where the weights come from", logits_and_sampling.loss(context)),
    ]


def lesson_on(
    loaded: LoadedModel,
    ids: tuple[int, ...],
    *,
    layer: int = 0,
    head: int = 0,
    foreword: str = "",
    decoder: LoadedModel | None = None,
) -> tuple[tuple[int, ...], list[LessonStep]]:
    """A text as a model is followed on it, and the steps of the lesson.

    Of a text without blanks for an encoder, the character in the middle is hidden.

    Args:
        loaded: The model.
        ids: The text.
        layer: The layer that is followed, from 0.
        head: The head of that layer, from 0.
        foreword: A paragraph about this model, early in the first step.
        decoder: To compare an encoder with, on the text with its blanks filled.

    Raises:
        InputError: A model has a kind of block or position that the lesson does not know, or the
            decoder does not know a character of the text.
    """
    model, tokenizer, mask_id = loaded.model, loaded.tokenizer, loaded.tokenizer.mask_id
    first, full, followed, hidden, beside = len(loaded.line_beginning), ids, ids, None, None
    if mask_id in ids:
        full = fill(model, ids, tokenizer).ids
    elif mask_id is not None:
        hidden = hidden_characters(model, ids, mask_id, first)
        middle = (first + len(ids)) // 2
        followed = (*ids[:middle], mask_id, *ids[middle + 1 :])
    if decoder is not None:
        text = decoder.encode_prompt(tokenizer.decode(full[first:]))
        beside = forward_pass(decoder.model, text), decoder.tokenizer
    seen = forward_pass(model, followed)
    return followed, lesson(
        seen, tokenizer, layer=layer, head=head, foreword=foreword, hidden=hidden, decoder=beside
    )
