"""What a character's vector knows of the text around it, in an encoder and in a decoder.

Shapes: T time (characters), C channels = n_embd, V vocabulary, L layers.
"""

from collections.abc import Iterator, Sequence

from torch.nn import functional as F

from attn_cli.inspection.forward_pass import ForwardPass, forward_pass
from attn_cli.inspection.lesson.blocks import Part, SideBySide, Table
from attn_cli.inspection.lesson.context import LessonContext
from attn_cli.inspection.lesson.declared import Declared, OfThisText
from attn_cli.inspection.lesson.rounding import SUM, rounded_rows
from attn_cli.inspection.lesson.shown import MAX_SHOWN


def context_aware_embeddings(context: LessonContext) -> Iterator[Declared]:
    """A page shows this of the text that it opened with."""
    return map(OfThisText, _context_aware_embeddings(context))


def _context_aware_embeddings(context: LessonContext) -> Iterator[Part]:
    """How a character's vector changes with what comes after it, and a decoder's does not."""
    if context.T < 2:
        return
    ids = context.ids if context.hidden is None else context.hidden.ids
    cut = _middle(context, ids)
    shown = range(max(0, cut - MAX_SHOWN), cut)
    names = [f"{t:{len(str(cut - 1))}} {context.symbol(ids[t])}" for t in shown]
    beginning = "".join(map(context.symbol, ids[:cut]))
    yield (
        "The vectors of the last layer are context-aware embeddings: each stands for a character "
        "as it is used here, and other models can work with them. How much do they know of what "
        f"comes after? Read “{beginning}” alone, and then as the beginning of the whole text. The "
        "cosine of the two vectors of a character, in the residual stream, is 1 where they point "
        "in the same direction: where what follows made no difference."
    )
    blind = "nothing of what follows" if context.model.ngrams else "nothing of the text around it"
    own = _cosine_table("the encoder", names, context.activations, ids, shown)
    if context.decoder is None:
        yield own
        yield (
            f"Before the first layer a vector knows {blind}. From then on it "
            "depends on both sides. In a decoder every number of this table would be 1: up to "
            "there the text is the same, and a decoder sees nothing else."
        )
        return
    decoder, _ = context.decoder
    yield SideBySide(own, _cosine_table("the decoder", names, decoder, decoder.ids, shown))
    yield (
        f"Before the first layer a vector knows {blind}. From then on the "
        "encoder's depends on both sides; the decoder's are the same in both texts, for it sees "
        "nothing of what follows."
    )


def _middle(context: LessonContext, ids: Sequence[int]) -> int:
    """Where to cut a text in two: before the last blank of its first half, or in its middle."""
    symbols = [context.tokenizer.symbols[id_] for id_ in ids]
    spaces = [t for t in range(1, len(ids) // 2 + 1) if symbols[t].isspace()]
    return spaces[-1] if spaces else max(1, len(ids) // 2)


def _cosine_table(
    who: str, names: Sequence[str], seen: ForwardPass, ids: Sequence[int], shown: range
) -> Table:
    """The cosine of each vector in the text and in its beginning alone, after each layer."""
    alone = forward_pass(seen.model, ids[: shown.stop]).residual_stream  # (L + 1, cut, C)
    whole = forward_pass(seen.model, ids).residual_stream[:, : shown.stop]
    cosines = F.cosine_similarity(alone, whole, dim=-1)[:, shown.start :]  # (L + 1, shown)
    layers = ["before layer 1", *(f"after {number}" for number in range(1, len(cosines)))]
    rows = zip(names, rounded_rows(cosines.T.tolist()), strict=True)
    return Table(f"{who}: cosine of the two vectors", tuple(layers), tuple(rows))


def beside_decoder(context: LessonContext) -> Iterator[Declared]:
    """A page shows this of the text that it opened with."""
    return map(OfThisText, _beside_decoder(context))


def _beside_decoder(context: LessonContext) -> Iterator[Part]:
    """What a decoder answers for the followed character, from what comes before it alone."""
    if context.decoder is None:
        return
    decoder, tokenizer = context.decoder
    t = context.followed
    yield (
        "The same question to the decoder: which character stands at position "
        f"{t}? It reads the text up to there, and what it predicts comes next is its answer."
    )
    if t == 0:
        yield "There is nothing before the first character, and so it has no answer."
        return
    before = decoder["logits"][t - 1].softmax(dim=-1)
    both = context.answer_logits.softmax(dim=-1)
    chosen = list(context.candidates)
    truth = None if context.hidden is None else context.hidden.ids[t]
    if truth is not None and truth not in chosen:
        chosen.append(truth)
    rows = []
    for id_ in chosen:
        known = context.tokenizer.symbols[id_]
        other = float(before[tokenizer.symbols.index(known)]) if known in tokenizer.symbols else 0.0
        rows.append([float(both[id_]), other])
    yield Table(
        "probabilities of each character",
        ("encoder, both sides", "decoder, what is before"),
        tuple(
            (context.symbol(id_), cells)
            for id_, cells in zip(chosen, rounded_rows(rows, SUM), strict=True)
        ),
    )
    if truth is not None:
        yield (
            f"It was ‘{context.symbol(truth)}’. This is no contest: the decoder has to answer "
            "without what comes after, or it could not write."
        )
