"""What the last characters are together: their n-grams, and the rows that these have in tables.

Shapes: T time (characters), N lengths of n-grams, E width of their tables, R rows of all tables,
C channels = n_embd, V vocabulary.
"""

from collections.abc import Iterator

from attn_cli.inspection.lesson.blocks import Formula
from attn_cli.inspection.lesson.context import BEFORE, LessonContext
from attn_cli.inspection.lesson.declared import (
    Declared,
    DotProduct,
    MatrixTable,
    NgramTable,
    VectorTable,
    When,
)
from attn_cli.inspection.lesson.quantities import CUT, FOLLOWED, T, at
from attn_cli.inspection.lesson.rounding import PRODUCT
from attn_cli.inspection.lesson.said import (
    factors,
    in_parentheses,
    quoted,
    rounded_number,
    say,
    say_if,
)
from attn_cli.model.ngram_embeddings import NgramEmbeddings
from attn_cli.model.ngram_hash import NOTHING, PRIME, NgramHash

FILLED = "filled n-grams"  # of the followed character


def ngram_embeddings(context: LessonContext) -> Iterator[Declared]:
    """The rows of the last characters in tables of n-grams, and what they add; if it has them."""
    ngrams = context.model.ngrams
    if ngrams is None:
        return
    hashed, unit = ngrams.hash, context.tokenizer.unit
    *fewer, most = map(str, hashed.lengths)
    lengths = f"{', '.join(fewer)} or {most}" if fewer else most
    width = context.activations["n-gram embeddings"].shape[-1]
    yield (
        f"An n-gram is a sequence of n {unit}s. Besides its own embedding, each {unit} gets those "
        f"of the n-grams that end with it: the last {lengths} {unit}s together are looked up as if "
        f"they were one symbol, which has a row of E = {width} learned numbers in the table of its "
        "length." + " What stands after it, attention alone can tell." * context.encoder
    )
    yield NgramTable(
        f"n-grams of the text and their rows, (T, N) = ({say(T)}, {len(hashed.lengths)}){CUT}",
        hashed.lengths,
    )
    before = f"{BEFORE} stands for what is before the text, of which there is nothing."
    yield When(["<", "first shown", hashed.longest - 1], (before,))
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


def _row_numbers(context: LessonContext, hashed: NgramHash) -> Iterator[Declared]:
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
    n = hashed.lengths[column]
    result = " + ".join(
        f"{say(['ngram number', back])} × {hashed.factors[column][back]}" for back in range(n)
    )
    if hashed.sizes[column] < (context.V + 1) ** n:
        result = f"({result}) mod {PRIME} mod {hashed.sizes[column]}"
    if offset := hashed.offsets[column]:
        result += f" + {offset}"
    return f"row of ‘{_ngram(n)}’ = {result} = {say(['ngram row', column, FOLLOWED])}"


def _looked_up(context: LessonContext, ngrams: NgramEmbeddings) -> Iterator[Declared]:
    """The rows of the followed character, their projection, and the sum with its embedding."""
    N, E = context.activations["n-gram embeddings"].shape[1:]
    vectors = at(["activation", "n-gram embeddings"], FOLLOWED)  # (N, E)
    yield f"The rows of the n-grams that end with {quoted(FOLLOWED)}:"
    yield MatrixTable(
        f"rows of the tables, (N, E) = ({N}, {E})",
        tuple(_ngram(n) for n in ngrams.hash.lengths),
        tuple(at(vectors, row) for row in range(N)),
    )
    empty = "Tables start at zero, so a row of zeros is one whose n-grams training never met" + (
        say_if(["<", 0, FILLED], ": it adds nothing.", ". Here all are, and nothing is added.")
    )
    yield When(["<", FILLED, N], (empty,))
    yield (
        f"One after the other they are a vector of N × E = {N * E} numbers, which a "
        f"linear layer takes to C = {context.C}. Channel 0 of the result:"
    )
    yield DotProduct(
        "row 0 of the layer's weights, times that vector",
        ("weight", at(["weight", "ngrams.projection.weight"], 0)),
        ("vector", ["joined", vectors]),
    )
    token, added, both = (
        ["activation", name] for name in ("token embedding", "n-gram projection", "token + n-grams")
    )
    one, other = factors(at(token, FOLLOWED, 0), at(added, FOLLOWED, 0))
    yield "It is added to the embedding, as the other channels are:"
    total = rounded_number(at(both, FOLLOWED, 0), PRODUCT)
    yield Formula((f"{one} + {in_parentheses(other)} = {total}",))
    yield VectorTable("embeddings with their n-grams", "T, C", both)


def _ngram(length: int) -> str:
    """The last characters up to the followed one, made visible."""
    return say(["ngram", length, FOLLOWED])
