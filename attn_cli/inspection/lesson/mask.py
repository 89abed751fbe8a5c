"""Which characters a query sees: the causal mask of a decoder, and none in an encoder.

Shapes: T time (characters), H heads, L layers.
"""

from collections.abc import Iterator

from attn_cli.inspection.lesson.blocks import Maps, SideBySide
from attn_cli.inspection.lesson.context import LessonContext
from attn_cli.inspection.lesson.declared import (
    Declared,
    OfThisText,
    Pair,
    PairMaps,
    PairTable,
    When,
)
from attn_cli.inspection.lesson.quantities import (
    FOLLOWED,
    ITSELF,
    TOP_KEY,
    WEIGHTS,
    T,
    at,
    head_tensor,
)
from attn_cli.inspection.lesson.said import quoted, rounded, say, say_if

SIDE_BY_SIDE = 2  # decimals of weights where two tables stand side by side


def causal_mask(context: LessonContext) -> Iterator[Declared]:
    """The causal mask: no character sees later ones."""
    yield (
        "In training the model predicts the next character at every position at once. If a "
        "character could look at later ones, it would simply copy the answer. So each query sees "
        "only its own key and earlier ones: every score above the diagonal is set to minus "
        "infinity. This is the causal mask."
        + say_if(["=", T, 1], " With one character there is nothing to mask.")
    )
    yield PairTable("masked scores", head_tensor("masked scores"))


def no_mask(context: LessonContext) -> Iterator[Declared]:
    """Why an encoder masks no score."""
    yield (
        "A decoder, which predicts what comes next, sets every score above the diagonal to minus "
        "infinity here, so that no character sees later ones: it would copy the answer. An encoder "
        "needs no such mask. What it has to predict is hidden in the text that it reads, and so "
        "every query may see every key, before and after it. The scores stay as they are."
    )


def with_and_without_mask(context: LessonContext) -> Iterator[Declared]:
    """The attention weights of the head, and what they would be with or without the mask."""
    return _with_mask(context) if context.encoder else _without_mask(context)


def _largest_weight(context: LessonContext) -> str:
    """What the tables of weights are, and the largest weight of the followed character."""
    weight = say(["fixed", at(WEIGHTS, FOLLOWED, TOP_KEY), SIDE_BY_SIDE])
    others = f", and as much to {say('ties')} other{say_if(['<', 1, 'ties'], 's')}."
    return (
        "These are the attention weights of the whole text. Each row belongs to one character, and "
        f"adds up to 1. In layer {context.layer + 1}, head {context.head + 1}, "
        f"{quoted(FOLLOWED)} gives the largest weight, {weight}, to "
        + say_if(ITSELF, "itself", quoted(TOP_KEY))
        + say_if(["<", 0, "ties"], others, ".")
    )


def _without_mask(context: LessonContext) -> Iterator[Declared]:
    """The attention weights of the head of a decoder, and what they would be without the mask."""
    yield _largest_weight(context)
    yield (
        "Beside them are the weights that the same scores give without the mask, as in an encoder: "
        "a model that sees the whole text at once, and is trained to predict characters that were "
        "hidden in it."
    )
    tables = (
        PairTable("with the causal mask", WEIGHTS, SIDE_BY_SIDE),
        PairTable("without the mask", "without mask", SIDE_BY_SIDE),
    )
    yield PairMaps(tables)
    yield Pair(*tables)
    first = "first shown"
    ahead = ["sum", at("without mask", first), ["+", first, 1], T]
    text = (
        f"Without the mask {quoted(first)} would give {say(['fixed', ahead, SIDE_BY_SIDE])} of its "
        "weight to what comes after it"
        + say_if(
            ["=", first, 0],
            "; with it, it can only attend to itself. ",
            "; with it, that weight is 0. ",
        )
        + "The last row is the same on both sides: after the last character there is nothing to "
        "mask."
    )
    yield When(["<", 1, T], (text,))


def _with_mask(context: LessonContext) -> Iterator[Declared]:
    """The same of an encoder, and what the weights would be with the mask; a decoder's, too."""
    yield _largest_weight(context)
    yield (
        "Beside them are the weights that the same scores would give with the causal mask of a "
        "decoder. The one is a square, the other a triangle."
    )
    tables = (
        PairTable("without the mask", WEIGHTS, SIDE_BY_SIDE),
        PairTable("with the causal mask", "with mask", SIDE_BY_SIDE),
    )
    yield PairMaps(tables)
    yield Pair(*tables)
    row = at(WEIGHTS, FOLLOWED)
    before, itself, after = rounded(
        ["sum", row, 0, FOLLOWED],
        at(row, FOLLOWED),
        ["sum", row, ["+", FOLLOWED, 1], T],
        decimals=SIDE_BY_SIDE,
    )
    yield (
        f"Of the weight of {quoted(FOLLOWED)}, {before} is on what comes before it, {itself} on "
        f"itself, and {after} on what comes after, which a decoder could not use."
    )
    if context.decoder is None:
        return
    decoder, _ = context.decoder
    L, H = decoder.model.config.n_layer, decoder.model.config.n_head
    layer, head = min(context.layer, L - 1), min(context.head, H - 1)
    yield OfThisText(
        "A trained decoder has learned scores of its own, for what comes before alone. Its weights "
        f"in layer {layer + 1}, head {head + 1}, on the same text:"
    )
    theirs = decoder.attention[layer, head]
    yield OfThisText(
        Maps(
            (
                context.map("the encoder", context.attention_weights),
                context.map("the decoder", theirs),
            )
        )
    )
    yield OfThisText(
        SideBySide(
            context.pair_table("the encoder", context.attention_weights, SIDE_BY_SIDE),
            context.pair_table("the decoder", theirs, SIDE_BY_SIDE),
        )
    )
