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
)
from attn_cli.inspection.lesson.blocks import LessonStep, Part
from attn_cli.inspection.lesson.context import LessonContext
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
    encoder = context.encoder
    question = "Which character is missing?" if encoder else "What comes next?"
    masking = ("No mask", mask.no_mask) if encoder else ("The causal mask", mask.causal_mask)
    answer = "Filling the blank" if encoder else "Sampling"
    in_context = both_sides.context_aware_embeddings(context) if encoder else ()
    steps: dict[str, Iterable[Part]] = {
        question: embeddings.question(context, foreword),
        "From characters to ids": embeddings.ids(context),
        "Embeddings": embeddings.token_embeddings(context),
        "N-grams": ngrams.ngram_embeddings(context),
        "Positions": embeddings.position_embeddings(context),
        "The norm": norms.attention_norm(context),
        "Query, key and value": queries_keys_values.linear_layers(context),
        "Split into heads": queries_keys_values.split_into_heads(context),
        "One head": queries_keys_values.one_head(context),
        "Query and key norm": queries_keys_values.query_key_norm(context),
        "Rotary positions": queries_keys_values.rotary_positions(context),
        "One score, by hand": attention.one_score(context),
        "Scaled scores": attention.scaled_scores(context),
        masking[0]: masking[1](context),
        "Softmax, by hand": attention.softmax(context),
        "With and without the mask": mask.with_and_without_mask(context),
        "The weighted sum of values": attention.weighted_values(context),
        "The other heads": merge_heads.other_heads(context),
        "Merge and projection": merge_heads.merge_and_project(context),
        "Residual connection": merge_heads.residual(context),
        "The norm again": feed_forward.feed_forward_norm(context),
        "Feed-forward": feed_forward.feed_forward(context),
        "Residual connection again": feed_forward.residual(context),
        "The other layers": feed_forward.other_layers(context),
        "Context-aware embeddings": in_context,
        "Logits": logits_and_sampling.logits(context),
        "Probabilities": logits_and_sampling.probabilities(context),
        answer: logits_and_sampling.sampling(context),
        "Beside a decoder": both_sides.beside_decoder(context),
        "Where the weights come from": logits_and_sampling.loss(context),
    }
    with_parts = ((title, tuple(parts)) for title, parts in steps.items())
    return [LessonStep(title, parts) for title, parts in with_parts if parts]


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
