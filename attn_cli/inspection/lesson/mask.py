"""Which characters a query sees: the causal mask of a decoder, and none in an encoder.

Shapes: T time (characters), H heads, L layers.
"""

from collections.abc import Iterator

import torch

from attn_cli.inspection.lesson.blocks import Maps, Part, SideBySide
from attn_cli.inspection.lesson.context import LessonContext
from attn_cli.inspection.lesson.rounding import rounded

TIE = 1e-5  # weights that differ by less count as equal
SIDE_BY_SIDE = 2  # decimals of weights where two tables stand side by side


def causal_mask(context: LessonContext) -> Iterator[Part]:
    """The causal mask: no character sees later ones."""
    yield (
        "In training the model predicts the next character at every position at once. If a "
        "character could look at later ones, it would simply copy the answer. So each query sees "
        "only its own key and earlier ones: every score above the diagonal is set to minus "
        "infinity. This is the causal mask."
        + (" With one character there is nothing to mask." if context.T == 1 else "")
    )
    yield context.pair_table("masked scores", context.head_tensor("masked scores"))


def no_mask(context: LessonContext) -> Iterator[Part]:
    """Why an encoder masks no score."""
    yield (
        "A decoder, which predicts what comes next, sets every score above the diagonal to minus "
        "infinity here, so that no character sees later ones: it would copy the answer. An encoder "
        "needs no such mask. What it has to predict is hidden in the text that it reads, and so "
        "every query may see every key, before and after it. The scores stay as they are."
    )


def with_and_without_mask(context: LessonContext) -> Iterator[Part]:
    """The attention weights of the head, and what they would be with or without the mask."""
    return _with_mask(context) if context.encoder else _without_mask(context)


def _largest_weight(context: LessonContext) -> str:
    """What the tables of weights are, and the largest weight of the followed character."""
    row = context.attention_weights[context.followed]
    weight = f"{float(row[context.top_key]):.{SIDE_BY_SIDE}f}"
    equal = int((row > row[context.top_key] - TIE).sum()) - 1
    return (
        "These are the attention weights of the whole text. Each row belongs to one character, and "
        f"adds up to 1. In layer {context.layer + 1}, head {context.head + 1}, "
        f"{context.quoted(context.followed)} gives the largest weight, {weight}, to "
        + ("itself" if context.top_key == context.followed else context.quoted(context.top_key))
        + (f", and as much to {equal} other{'s' * (equal > 1)}." if equal else ".")
    )


def _without_mask(context: LessonContext) -> Iterator[Part]:
    """The attention weights of the head of a decoder, and what they would be without the mask."""
    causal = context.attention_weights
    unmasked = context.head_tensor("scaled scores").softmax(dim=-1)
    yield _largest_weight(context)
    yield (
        "Beside them are the weights that the same scores give without the mask, as in an encoder: "
        "a model that sees the whole text at once, and is trained to predict characters that were "
        "hidden in it."
    )
    yield Maps(
        (
            context.map("with the causal mask", causal),
            context.map("without the mask", unmasked),
        )
    )
    yield SideBySide(
        context.pair_table("with the causal mask", causal, SIDE_BY_SIDE),
        context.pair_table("without the mask", unmasked, SIDE_BY_SIDE),
    )
    if context.T > 1:
        ahead = unmasked.triu(1).sum(dim=-1)  # (T,) the weight of each query on later keys
        first = context.shown[0]
        yield (
            f"Without the mask {context.quoted(first)} would give "
            f"{float(ahead[first]):.{SIDE_BY_SIDE}f} of its weight to what comes after it"
            + (
                "; with it, it can only attend to itself. "
                if first == 0
                else "; with it, that weight is 0. "
            )
            + "The last rows are equal on both sides: after the last character there is nothing "
            "to mask."
        )


def _with_mask(context: LessonContext) -> Iterator[Part]:
    """The same of an encoder, and what the weights would be with the mask; a decoder's, too."""
    scores, t = context.visible_scores, context.followed
    future = torch.ones_like(scores, dtype=torch.bool).triu(1)
    masked = scores.masked_fill(future, -torch.inf).softmax(dim=-1)
    yield _largest_weight(context)
    yield (
        "Beside them are the weights that the same scores would give with the causal mask of a "
        "decoder. The one is a square, the other a triangle."
    )
    yield Maps(
        (
            context.map("without the mask", context.attention_weights),
            context.map("with the causal mask", masked),
        )
    )
    yield SideBySide(
        context.pair_table("without the mask", context.attention_weights, SIDE_BY_SIDE),
        context.pair_table("with the causal mask", masked, SIDE_BY_SIDE),
    )
    row = context.attention_weights[t]
    before, itself, after = rounded(
        [float(row[:t].sum()), float(row[t]), float(row[t + 1 :].sum())], SIDE_BY_SIDE
    )
    yield (
        f"Of the weight of {context.quoted(t)}, {before} is on what comes before it, {itself} on "
        f"itself, and {after} on what comes after, which a decoder could not use."
    )
    if context.decoder is None:
        return
    decoder, _ = context.decoder
    L, H = decoder.model.config.n_layer, decoder.model.config.n_head
    layer, head = min(context.layer, L - 1), min(context.head, H - 1)
    yield (
        "A trained decoder has learned scores of its own, for what comes before alone. Its weights "
        f"in layer {layer + 1}, head {head + 1}, on the same text:"
    )
    theirs = decoder.attention[layer, head]
    yield Maps(
        (
            context.map("the encoder", context.attention_weights),
            context.map("the decoder", theirs),
        )
    )
    yield SideBySide(
        context.pair_table("the encoder", context.attention_weights, SIDE_BY_SIDE),
        context.pair_table("the decoder", theirs, SIDE_BY_SIDE),
    )
