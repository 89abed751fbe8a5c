"""What the last characters are together: their n-grams, and the rows that these have in tables.

Shapes: T time (characters), N lengths of n-grams, E width of their tables, R rows of all tables,
C channels = n_embd, V vocabulary.
"""

from collections.abc import Iterator

from attn_cli.inspection.lesson.blocks import Formula, Part, Table
from attn_cli.inspection.lesson.context import LessonContext
from attn_cli.inspection.lesson.declared import Declared, OfThisText
from attn_cli.inspection.lesson.rounding import (
    PRODUCT,
    in_parentheses,
    rounded_factors,
    rounded_number,
)
from attn_cli.inspection.lesson.tables import matrix_table, shape_text
from attn_cli.inspection.lesson.worked_arithmetic import dot_product
from attn_cli.model.ngram_embeddings import NgramEmbeddings
from attn_cli.model.ngram_hash import NOTHING, PRIME, NgramHash

BEFORE = "∅"  # what is before the text


def ngram_embeddings(context: LessonContext) -> Iterator[Declared]:
    """The same as `_parts`; a page shows them of the text that it opened with."""
    return map(OfThisText, _parts(context))


def _parts(context: LessonContext) -> Iterator[Part]:
    """The rows of the last characters in tables of n-grams, and what they add; if it has them."""
    ngrams = context.model.ngrams
    if ngrams is None:
        return
    hashed, unit = ngrams.hash, context.tokenizer.unit
    rows = context.activations["n-gram rows"]  # (T, N)
    *fewer, most = map(str, hashed.lengths)
    lengths = f"{', '.join(fewer)} or {most}" if fewer else most
    yield (
        f"Beside its own embedding, each {unit} gets one for what stands just before it. The last "
        f"{lengths} {unit}s are taken as one symbol, an n-gram, and it has a row of "
        f"E = {context.activations['n-gram embeddings'].shape[-1]} learned numbers in the table of "
        f"its length." + " What stands after it, attention alone can tell." * context.encoder
    )
    columns = {
        f"the last {n}": [
            f"{_ngram(context, n, t)} {rows[t, column]}" for t in context.keys.positions
        ]
        for column, n in enumerate(hashed.lengths)
    }
    yield Table.of_columns(
        f"n-grams of the text and their rows, {shape_text('T, N', rows)}{context.keys.truncation}",
        context.keys.names,
        columns,
    )
    if context.keys.positions[0] < hashed.longest - 1:
        yield f"{BEFORE} stands for what is before the text, of which there is nothing."
    yield from _row_numbers(context, hashed)
    yield from _looked_up(context, ngrams)
    tables, numbers = ngrams.table.weight.numel(), context.model.parameter_count()
    used = ngrams.projection.in_features
    yield (
        "So the first layer already receives what the last characters are together. Without "
        "n-grams a layer has to find that out: its attention looks at the characters before, and "
        "its feed-forward network makes something of what was found. A table does it in one "
        f"lookup: {tables:,} of this model's {numbers:,} parameters are in these tables, and a "
        f"{unit} needs only {used} of them."
    )


def _row_numbers(context: LessonContext, hashed: NgramHash) -> Iterator[Part]:
    """How an n-gram's row is computed: a row for each n-gram, or a hash of it."""
    symbols = context.V + 1
    columns = range(len(hashed.lengths))
    counts = [symbols**n for n in hashed.lengths]
    own = next((i for i in columns if hashed.sizes[i] == counts[i]), None)
    shared = next((i for i in columns if hashed.sizes[i] < counts[i]), None)
    numbered = f"Each symbol has a number: its id + 1, or {NOTHING} for what is before the text. "
    if own is not None:
        n = hashed.lengths[own]
        yield (
            f"{numbered}Of these {symbols} there are {symbols}^{n} = {counts[own]:,} n-grams of "
            f"length {n}, and each has a row of its own:"
        )
        yield Formula((_row_formula(context, hashed, own),))
    if shared is not None:
        n, size, offset = hashed.lengths[shared], hashed.sizes[shared], hashed.offsets[shared]
        yield (
            ("" if own is not None else numbered)
            + f"Of length {n} there are {symbols}^{n} = {counts[shared]:,} n-grams, and their "
            f"table has {size:,} rows. So the row is a hash: the sum of the symbols' numbers times "
            "fixed factors, and of that the remainder after division by a prime and then by "
            f"{size:,}. Different n-grams can get the same row, which is called a collision; the "
            "row then learns what suits the most frequent of them."
            + (f" All tables stand in one, and this one begins at row {offset}." if offset else "")
        )
        yield Formula((_row_formula(context, hashed, shared),))


def _row_formula(context: LessonContext, hashed: NgramHash, column: int) -> str:
    """The row of the n-gram that ends at the followed character, worked out."""
    n, t = hashed.lengths[column], context.followed
    numbers = [context.ids[t - back] + 1 if back <= t else NOTHING for back in range(n)]
    terms = zip(numbers, hashed.factors[column], strict=False)
    result = " + ".join(f"{number} × {factor}" for number, factor in terms)
    if hashed.sizes[column] < (context.V + 1) ** n:
        result = f"({result}) mod {PRIME} mod {hashed.sizes[column]}"
    if offset := hashed.offsets[column]:
        result += f" + {offset}"
    row = context.activations["n-gram rows"][t, column]
    return f"row of ‘{_ngram(context, n, t)}’ = {result} = {row}"


def _looked_up(context: LessonContext, ngrams: NgramEmbeddings) -> Iterator[Part]:
    """The rows of the followed character, their projection, and the sum with its embedding."""
    t = context.followed
    vectors = context.activations["n-gram embeddings"][t]  # (N, E)
    names = [_ngram(context, n, t) for n in ngrams.hash.lengths]
    yield f"The rows of the n-grams that end with {context.quoted(t)}:"
    yield matrix_table(
        f"rows of the tables, {shape_text('N, E', vectors)}", names, vectors.tolist()
    )
    filled = vectors.any(dim=-1)  # (N,)
    if not filled.all():
        yield (
            "Tables begin at zero. A row of zeros is one of which training has met no n-gram"
            + (": it adds nothing." if filled.any() else "; as here all are, nothing is added.")
        )
    weight = ngrams.projection.weight
    yield (
        f"One after the other they are a vector of N × E = {weight.shape[1]} numbers, which a "
        f"linear layer takes to C = {context.C}. Channel 0 of the result:"
    )
    yield from dot_product(
        "row 0 of the layer's weights, times that vector",
        ("weight", weight[0].tolist()),
        ("vector", vectors.flatten().tolist()),
    )
    token, added, both = (
        context.activations[name]
        for name in ("token embedding", "n-gram projection", "token + n-grams")
    )
    (one, other), *_ = rounded_factors([float(token[t, 0]), float(added[t, 0])])
    yield "It is added to the embedding, as the other channels are:"
    yield Formula(
        (f"{one} + {in_parentheses(other)} = {rounded_number(float(both[t, 0]), PRODUCT)}",)
    )
    yield context.vector_table("embeddings with their n-grams", "T, C", both)


def _ngram(context: LessonContext, length: int, position: int) -> str:
    """The last characters up to a position, made visible."""
    first = position + 1 - length
    known = map(context.symbol, context.ids[max(0, first) : position + 1])
    return BEFORE * max(0, -first) + "".join(known)
