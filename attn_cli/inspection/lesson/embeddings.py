"""From a text to vectors: characters, ids, token embeddings, position embeddings.

Shapes: B batch, T time (characters), C channels = n_embd, H heads, D head size,
F feed-forward width, V vocabulary, L layers.
"""

from collections.abc import Iterator

from attn_cli.inspection.lesson.blocks import Formula, Table
from attn_cli.inspection.lesson.context import LessonContext
from attn_cli.inspection.lesson.declared import Declared, PositionTable, VectorTable, When
from attn_cli.inspection.lesson.quantities import CUT, FOLLOWED, T, at
from attn_cli.inspection.lesson.rounding import PRODUCT, TABLE
from attn_cli.inspection.lesson.said import (
    factors,
    in_parentheses,
    quoted,
    rounded,
    rounded_number,
    say,
    say_if,
    symbol,
)
from attn_cli.inspection.lesson.tables import small_matrix
from attn_cli.model.position import LearnedPosition, SinusoidalPosition


def question(context: LessonContext, foreword: str) -> Iterator[Declared]:
    """What a model is asked, and the letters for its sizes."""
    unit = context.tokenizer.unit
    known = " and what stands for a hidden one" * context.encoder
    legend = [
        ("B", 1, "batch: texts processed together; here one, so its axis is left out"),
        ("T", say(T), f"time: {unit}s of the text"),
        ("C", context.C, f"channels: how many numbers stand for one {unit}"),
        ("H", context.H, "heads: attention is computed this many times side by side in a layer"),
        ("D", context.D, "head size: C / H, the channels that one head works with"),
        ("F", context.F, "width of the feed-forward network"),
        ("V", context.V, f"vocabulary: {unit}s that the model knows{known}"),
        ("L", context.L, "layers"),
    ]
    if context.model.ngrams is not None:
        rows, width = context.model.ngrams.table.weight.shape
        legend += [
            ("N", len(context.model.ngrams.hash.lengths), "lengths of n-grams"),
            ("E", width, "width of the tables of n-grams"),
            ("R", rows, "rows of these tables"),
        ]
    asked = (
        "An encoder answers one question: what is missing here? It reads a text in which some "
        f"{unit}s are hidden, and gives each of the {context.V - 1} {unit}s that it knows a "
        f"probability of being the hidden one. Here {quoted(FOLLOWED)} "
        "stands for it."
        if context.encoder
        else "A language model answers one question: what comes next? It reads a text and gives "
        f"each of the {context.V} {unit}s that it knows a probability of being the next one."
    )
    yield (
        f"{asked} This lesson follows one text through every step of that computation, which is "
        "called a forward pass. Every number below comes from a real forward pass of this model."
    )
    if foreword:
        yield foreword
    yield Table(
        "the sizes of this model and text",
        ("here", "what it counts"),
        tuple((letter, (str(size), meaning)) for letter, size, meaning in legend),
    )
    yield (
        f"Attention is followed in layer {context.layer + 1} of {context.L}, head "
        f"{context.head + 1} of {context.H}. Layers and heads count from 1; positions, ids and "
        "channels count from 0, as in code."
    )
    yield (
        "All numbers are rounded. Where arithmetic is shown, the numbers that go in have more "
        "digits than the result, so that a calculator gives the same result; only the last digit "
        "may differ a little."
    )


def ids(context: LessonContext) -> Iterator[Declared]:
    """Characters to ids."""
    unit = context.tokenizer.unit
    vocabulary = {
        "printable": "Python's list of printable characters",
        "corpus": "the sorted list of the characters that it knows",
        "bytes": "the 256 values of a byte, in which UTF-8 can write any text",
    }[context.tokenizer.kind]
    yield (
        f"A model can only do arithmetic, so each {unit} becomes a number: its index in the "
        f"vocabulary, which is {vocabulary}. This number is called its id. It is a name and not an "
        "amount: a larger id does not mean more of anything."
        + f" A hidden character has an id of its own, the last: {context.V - 1}." * context.encoder
        + (" Where this lesson says “character”, read “byte”." if unit == "byte" else "")
    )
    yield PositionTable(f"position, {unit} and id, (T) = ({say(T)}){CUT}", {"id": "id"})
    around = "those around the hidden one" if context.encoder else "the last ones"
    far = say_if(
        "top key is apart",
        f", and the one that {'it' if context.encoder else 'the last'} attends to most",
    )
    text = (
        f"The text has {say(T)} {unit}s. Tables show {say('shown')} of them, {around}"
        f"{far}; the model works on all."
    )
    yield When(["<", "shown", T], (text,))


def token_embeddings(context: LessonContext) -> Iterator[Declared]:
    """Ids to token embeddings."""
    weight = context.model.token_embedding.weight
    names = [f"{id_} {context.symbol(id_)}" for id_ in range(context.V)]
    yield (
        f"Each id picks a row of a table that has V = {context.V} rows of C = {context.C} numbers. "
        f"The row, a vector, is the embedding of that {context.tokenizer.unit}. The numbers in the "
        "table are parameters, also called weights: they are the same for every text, and they are "
        "what training adjusts. More such tables will follow."
    )
    yield from small_matrix("the embedding table, (V, C)", weight, names)
    yield VectorTable("embeddings of the text", "T, C", ["activation", "token embedding"])
    text = (
        f"The text has ‘{symbol('commonest')}’ {say('times')} times, each time with the same "
        "numbers: an embedding knows nothing of the characters around it. Changing that is what "
        "attention is for."
    )
    yield When(["<", 1, "times"], (text,))


def position_embeddings(context: LessonContext) -> Iterator[Declared]:
    """Position embeddings, or why there are none."""
    module, has_ngrams = context.model.position_embedding, context.model.ngrams is not None
    why = (
        "Attention will compare characters by their vectors alone, and these do not yet say where "
        "a character stands: "
        + (
            "the same few characters in a row have the same vector anywhere. "
            if has_ngrams
            else "‘ab’ and ‘ba’ are the same two vectors. "
        )
    )
    if module is None:
        yield why + _no_position_embeddings(context)
        return
    token, position, both = (
        ["activation", name]
        for name in (
            "token + n-grams" if has_ngrams else "token embedding",
            "position embedding",
            "token + position",
        )
    )
    if isinstance(module, LearnedPosition):
        how = (
            "So each position has a vector of its own too, the position embedding. It is a row of "
            "a second learned table, which ends at position "
            f"{context.model.config.block_size - 1}. The two vectors are added, channel by channel."
        )
    else:
        how = (
            "So each position has a vector of its own too, the position embedding. This one is not "
            "learned: channel 2i is sin(t / 10000^(2i / C)) and channel 2i + 1 is the cosine of "
            "the same number, so the waves get longer from pair to pair. The two vectors are "
            "added, channel by channel."
        )
    yield why + how
    yield VectorTable("position embeddings", "T, C", position)
    if isinstance(module, SinusoidalPosition):
        channels = at(position, FOLLOWED, 0), at(position, FOLLOWED, 1)
        sine, cosine = rounded(*channels[: context.C], decimals=TABLE)
        t = say(FOLLOWED)
        lines = (f"sin({t}) = {sine}", f"cos({t}) = {cosine}")
        yield f"Position {t}, channels 0 and 1, in radians:"
        yield Formula(lines)
    yield VectorTable("their sum", "T, C", both)
    one, other = factors(at(token, FOLLOWED, 0), at(position, FOLLOWED, 0))
    added = rounded_number(at(both, FOLLOWED, 0), PRODUCT)
    yield f"Channel 0 of {quoted(FOLLOWED)}:"
    yield Formula((f"{one} + {in_parentheses(other)} = {added}",))


def _no_position_embeddings(context: LessonContext) -> str:
    """What a model has in place of position embeddings."""
    if context.model.config.position == "rope":
        return (
            "Many models add a vector for the position here. This one does not: it brings "
            "positions into attention instead, by rotating vectors there (rotary positions)."
        )
    beyond = "beyond its n-grams, " if context.model.ngrams is not None else ""
    known = (
        "it knows nothing of the order."
        if context.encoder
        else "all that it can know about the order is that a character never sees later ones."
    )
    return "Most models add a vector for the position here. This one adds none: " + beyond + known
