"""Queries, keys and values, split into heads; their norm and rotation where a model has them.

Shapes: T time (characters), C channels = n_embd, H heads, D head size = C / H.
"""

from __future__ import annotations

import math

from torch import nn

from attn_cli.inspection.lesson.blocks import Formula, LessonStep, Part
from attn_cli.inspection.lesson.context import LessonContext, small_matrix
from attn_cli.inspection.lesson.norms import worked_norm
from attn_cli.inspection.lesson.rounding import (
    FACTOR,
    SUM,
    in_parentheses,
    rounded,
    rounded_factors,
)
from attn_cli.inspection.lesson.worked_arithmetic import dot_product

ROLES = ("query", "key", "value")


def linear_layers(context: LessonContext) -> LessonStep:
    """Query, key and value of each character, by three linear layers."""
    channel = context.head * context.D
    biased = context.attention.query.bias is not None
    bias = ", and a bias" if biased else ""
    normed = context.layer_tensor("attention norm")
    parts: list[Part] = [
        "Each character now gets three vectors: a query, a key and a value. Its query is what it "
        "asks for; its key is what other characters find it by; its value is what it gives to "
        "those that find it. The names only say what the vectors will be used for. What they "
        "ask for and what they give is learned in training.",
        "Each of the three comes from a linear layer: a matrix of "
        f"{context.C} × {context.C} weights. For each new number a linear layer takes "
        f"one row of the matrix, multiplies its weights by the {context.C} old numbers one by one, "
        f"and adds up the products{bias}. So every new number is a mixture of all the old ones, "
        "and the weights are the recipe.",
    ]
    for role in ROLES:
        weight = _layer(context, role).weight
        parts += small_matrix(f"weights of the {role}, (C, C)", weight)
        if biased:
            parts += small_matrix(
                f"bias of the {role}, (1, C)", _layer(context, role).bias[None], ["b"]
            )
    parts.append(f"Channel {channel} of the query of {context.quoted(context.last)}:")
    parts += dot_product(
        f"row {channel} of the query's weights, times the vector after the norm",
        ("weight", _layer(context, "query").weight[channel].tolist()),
        ("vector", normed[context.last].tolist()),
        _layer(context, "query").bias[channel].item() if biased else None,
    )
    return LessonStep("Query, key and value", tuple(parts))


def split_into_heads(context: LessonContext) -> LessonStep:
    """C channels into H heads of D."""
    first, end = context.head * context.D, (context.head + 1) * context.D - 1
    parts: list[Part] = [
        f"A head works with D = C / H = {context.C} / {context.H} = {context.D} channels. Queries, "
        "keys and values are split into H pieces, one per head, and every head attends by "
        "itself, so that each can look for something else. Splitting computes nothing: the same "
        f"numbers are read as ({context.H}, {context.T}, {context.D}) instead of "
        f"({context.T}, {context.C})."
        if context.H > 1
        else "Most models split queries, keys and values into pieces, one per head, so that "
        "several heads attend side by side. This one has a single head, which gets all C channels."
    ]
    if context.H > 1:
        parts.append(
            f"Head {context.head + 1} has channels {first} to {end}"
            + ("; its tables count them from 0 again:" if first else ":")
        )
    for role, plural in zip(ROLES, ("queries", "keys", "values"), strict=True):
        vectors = context.head_tensor(f"{role} heads")
        parts.append(context.vector_table(f"{plural} of head {context.head + 1}", "T, D", vectors))
    return LessonStep("Split into heads" if context.H > 1 else "One head", tuple(parts))


def query_key_norm(context: LessonContext) -> LessonStep | None:
    """The RMSNorm of queries and keys, where the block has it."""
    norm = context.attention.query_norm
    if norm is None:
        return None
    vector = context.head_tensor("query heads")[context.last]
    return LessonStep(
        "Query and key norm",
        (
            "Scores will be products of queries and keys, and would be large just because the "
            "vectors are long. So each query and each key is normalised once more, now within "
            "the head, by an RMSNorm; values stay as they are.",
            *worked_norm(f"the query of {context.quoted(context.last)}", vector, norm),
            context.vector_table("normalised queries", "T, D", context.head_tensor("query norm")),
            context.vector_table("normalised keys", "T, D", context.head_tensor("key norm")),
        ),
    )


def rotary_positions(context: LessonContext) -> LessonStep | None:
    """Rotary position embedding, where the model has it."""
    if context.attention.rotary is None:
        return None
    half, base, t = context.D // 2, context.model.config.rope_theta, context.last
    before = context.head_tensor(
        "query norm" if context.has("attention.query norm") else "query heads"
    )
    after = context.head_tensor("rotated query")
    (one, other), *_ = rounded_factors([float(before[t, 0]), float(before[t, half])])
    cos, sin = rounded([math.cos(t), math.sin(t)], FACTOR)
    c, s = in_parentheses(cos), in_parentheses(sin)
    x, y = rounded([float(after[t, 0]), float(after[t, half])], SUM)
    return LessonStep(
        "Rotary positions",
        (
            "This is where this model uses positions: by rotary position embedding (RoPE). It "
            f"takes the channels of a query in pairs, i with i + D / 2 = i + {half}, as points in "
            "a plane, and rotates each point by an angle that grows with the position. Keys are "
            "rotated in the same way, values are not. Of the two positions, the product "
            "of a query and a key then depends only on their distance: if both move by one, both "
            "rotate by the same angle.",
            f"Pair i rotates by 1 / {base:g}^(2i / D) radians per position: the first "
            "pair fastest, the others more and more slowly. Pair 0 of the query of "
            f"{context.quoted(t)} rotates by {t} radians:",
            Formula(
                (
                    f"cos({t}) = {cos}",
                    f"sin({t}) = {sin}",
                    f"channel 0:  {one} × {c} - {in_parentheses(other)} × {s} = {x}",
                    f"channel {half}:  {other} × {c} + {in_parentheses(one)} × {s} = {y}",
                )
            ),
            context.vector_table("rotated queries", "T, D", after),
            context.vector_table("rotated keys", "T, D", context.head_tensor("rotated key")),
        ),
    )


def _layer(context: LessonContext, role: str) -> nn.Linear:
    layer = getattr(context.attention, role)
    assert isinstance(layer, nn.Linear)
    return layer
