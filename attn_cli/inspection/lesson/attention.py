"""Attention in one head: scores, mask, softmax, weighted sum of values.

Shapes: T time (characters), D head size.
"""

import math
from collections.abc import Iterator

from attn_cli.inspection.lesson.blocks import Formula
from attn_cli.inspection.lesson.context import LessonContext
from attn_cli.inspection.lesson.declared import (
    Declared,
    DotProduct,
    PairTable,
    VectorTable,
    WeightedSum,
    WorkedSoftmax,
)
from attn_cli.inspection.lesson.quantities import (
    FOLLOWED,
    ITSELF,
    TOP_KEY,
    T,
    at,
    head_tensor,
)
from attn_cli.inspection.lesson.rounding import FACTOR, SUM
from attn_cli.inspection.lesson.rounding import rounded_number as known_number
from attn_cli.inspection.lesson.said import (
    Expression,
    factors,
    quoted,
    rounded_number,
    say,
    say_if,
)


def one_score(context: LessonContext) -> Iterator[Declared]:
    """The score of one query with one key, and the table of all."""
    querying, found = quoted(FOLLOWED), quoted(TOP_KEY)
    query, key = _queries_and_keys(context)
    itself = say_if(ITSELF, " Here both belong to the same character: a character sees itself too.")
    yield (
        "How well does a key match a query? Multiply the two channel by channel and add up the "
        "products: this is their dot product, the score. A channel in which both have the same "
        "sign raises it, one in which the signs differ lowers it."
    )
    yield (
        f"The query of {querying} meets the key of {found}: of all the keys that it may see, none "
        f"gives a higher score.{itself}"
    )
    yield DotProduct(
        f"query times key, head {context.head + 1}, D = {context.D} channels",
        ("query", at(query, FOLLOWED)),
        ("key", at(key, TOP_KEY)),
    )
    yield (
        f"That is one score. There are T × T = {say(['*', T, T])}, one for each query with each "
        "key, and a single matrix product computes them all: q @ kᵀ."
    )
    yield PairTable("scores: queries down, keys across", head_tensor("scores"))


def scaled_scores(context: LessonContext) -> Iterator[Declared]:
    """The scores divided by the square root of D."""
    after = head_tensor("scaled scores")
    root = known_number(math.sqrt(context.D), FACTOR)
    (one,) = factors(at(head_tensor("scores"), FOLLOWED, TOP_KEY))
    other = rounded_number(at(after, FOLLOWED, TOP_KEY), SUM)
    yield (
        "A sum of D products grows with D: for random, independent numbers of variance 1, its "
        f"standard deviation is √D = √{context.D} = {root}. Every score is divided by this, so "
        "that scores are of about the same size whatever the head size is. Otherwise a large D "
        "would make the softmax below all or nothing, and its gradients would almost vanish."
    )
    yield Formula((f"{one} / √{context.D} = {other}",))
    yield PairTable("scaled scores", after)


def softmax(context: LessonContext) -> Iterator[Declared]:
    """One row of scores to attention weights, by hand."""
    yield (
        "Softmax turns a row of scores into numbers from 0 to 1 that add up to 1, the attention "
        "weights: raise e to the power of each score, then divide by the sum. A score that is "
        "higher by 1 gets e times the weight, about 2.718; minus infinity gets the weight 0. To "
        "keep the powers small, the largest score of the row is first subtracted from all of them, "
        "which does not change the result."
    )
    yield f"The row of {quoted(FOLLOWED)}, which sees the whole text:"
    yield WorkedSoftmax(
        "softmax of one row of scores", "score", at("visible scores", FOLLOWED), "keys"
    )


def weighted_values(context: LessonContext) -> Iterator[Declared]:
    """The weighted sum of the values."""
    yield (
        "Now the values are used. What a character receives is a weighted sum of the values that "
        "it sees: each value times its attention weight."
    )
    yield f"Channel 0 of what {quoted(FOLLOWED)} receives:"
    yield WeightedSum()
    yield "The same for every channel and every character, as one matrix product: weights @ v."
    yield VectorTable(f"output of head {context.head + 1}", "T, D", head_tensor("weights @ value"))


def _queries_and_keys(context: LessonContext) -> tuple[Expression, Expression]:
    """Queries and keys as the scores compare them, (T, D) each."""
    for query, key in (("rotated query", "rotated key"), ("query norm", "key norm")):
        if context.has(f"attention.{query}"):
            return head_tensor(query), head_tensor(key)
    return head_tensor("query heads"), head_tensor("key heads")
