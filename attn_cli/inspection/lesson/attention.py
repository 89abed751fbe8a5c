"""Attention in one head: scores, mask, softmax, weighted sum of values.

Shapes: T time (characters), D head size.
"""

import math
from collections.abc import Iterator

import torch

from attn_cli.inspection.lesson.blocks import Formula, Part, Table
from attn_cli.inspection.lesson.context import LessonContext
from attn_cli.inspection.lesson.rounding import (
    FACTOR,
    OMITTED,
    PRODUCT,
    SUM,
    rounded,
    rounded_factors,
    rounded_number,
)
from attn_cli.inspection.lesson.worked_arithmetic import (
    dot_product,
    sum_formula,
    with_others,
    worked_softmax,
)


def one_score(context: LessonContext) -> Iterator[Part]:
    """The score of one query with one key, and the table of all."""
    querying, found = context.quoted(context.followed), context.quoted(context.top_key)
    query, key = _queries_and_keys(context)
    itself = " Here both belong to the same character: a character sees itself too." * (
        context.top_key == context.followed
    )
    yield (
        "How well does a key match a query? Multiply the two channel by channel and add up the "
        "products: this is their dot product, the score. Channels with the same sign raise it, "
        "channels with opposite signs lower it."
    )
    yield (
        f"The query of {querying} meets the key of {found}: of all the keys that it may see, none "
        f"gives a higher score.{itself}"
    )
    yield from dot_product(
        f"query times key, head {context.head + 1}, D = {context.D} channels",
        ("query", query[context.followed].tolist()),
        ("key", key[context.top_key].tolist()),
    )
    yield (
        f"That is one score. There are T × T = {context.T**2}, one for each query with each key, "
        "and a single matrix product computes them all: q @ kᵀ."
    )
    yield context.pair_table("scores: queries down, keys across", context.head_tensor("scores"))


def scaled_scores(context: LessonContext) -> Iterator[Part]:
    """The scores divided by the square root of D."""
    score = context.head_tensor("scores")[context.followed, context.top_key]
    after = context.head_tensor("scaled scores")
    root = rounded_number(math.sqrt(context.D), FACTOR)
    ((one,),) = rounded_factors([float(score)])
    other = rounded_number(float(after[context.followed, context.top_key]), SUM)
    yield (
        "A sum of D products grows with D: for random, independent numbers of variance 1, its "
        f"standard deviation is √D = √{context.D} = {root}. Every score is divided by this, so "
        "that scores are of about the same size whatever the head size is. Otherwise a large D "
        "would make the softmax below all or nothing, and its gradients would almost vanish."
    )
    yield Formula((f"{one} / √{context.D} = {other}",))
    yield context.pair_table("scaled scores", after)


def softmax(context: LessonContext) -> Iterator[Part]:
    """One row of scores to attention weights, by hand."""
    yield (
        "Softmax turns a row of scores into numbers from 0 to 1 that add up to 1, the attention "
        "weights: raise e to the power of each score, then divide by the sum. A score that is "
        "higher by 1 gets e = 2.718 times the weight; minus infinity gets the weight 0. To keep "
        "the powers small, the largest score of the row is first subtracted from all of them, "
        "which does not change the result."
    )
    yield f"The row of {context.quoted(context.followed)}, which sees the whole text:"
    yield from worked_softmax(
        "softmax of one row of scores",
        "score",
        context.visible_scores[context.followed].tolist(),
        list(zip(context.shown, context.row_names, strict=True)),
    )


def weighted_values(context: LessonContext) -> Iterator[Part]:
    """The weighted sum of the values."""
    weights = context.attention_weights[context.followed].tolist()
    values = context.head_tensor("value heads")[:, 0].tolist()
    multiplied = [weight * value for weight, value in zip(weights, values, strict=True)]
    rest = math.fsum(multiplied[i] for i in context.omitted)
    one, other = rounded_factors(
        [weights[i] for i in context.shown], [values[i] for i in context.shown]
    )
    products = rounded([*(multiplied[i] for i in context.shown), rest], PRODUCT)
    yield (
        "Now the values are used. What a character receives is a weighted sum of the values that "
        "it sees: each value times its attention weight."
    )
    yield f"Channel 0 of what {context.quoted(context.followed)} receives:"
    yield Table.of_columns(
        "weight times value",
        with_others(context.row_names, context.T),
        {"weight": (*one, OMITTED), "value": (*other, OMITTED), "product": products},
    )
    yield sum_formula(math.fsum(multiplied))
    yield "The same for every channel and every character, as one matrix product: weights @ v."
    yield context.vector_table(
        f"output of head {context.head + 1}", "T, D", context.head_tensor("weights @ value")
    )


def _queries_and_keys(context: LessonContext) -> tuple[torch.Tensor, torch.Tensor]:
    """Queries and keys as the scores compare them, (T, D) each."""
    for query, key in (("rotated query", "rotated key"), ("query norm", "key norm")):
        if context.has(f"attention.{query}"):
            return context.head_tensor(query), context.head_tensor(key)
    return context.head_tensor("query heads"), context.head_tensor("key heads")
