"""Queries, keys and values, split into heads; their norm and rotation where a model has them.

Shapes: T time (characters), C channels = n_embd, H heads, D head size = C / H.
"""

from collections.abc import Iterator

from attn_cli.inspection.lesson.blocks import Formula
from attn_cli.inspection.lesson.context import LessonContext
from attn_cli.inspection.lesson.declared import Declared, DotProduct, VectorTable
from attn_cli.inspection.lesson.norms import norm_of_vector
from attn_cli.inspection.lesson.quantities import FOLLOWED, T, at, head_tensor, layer_tensor
from attn_cli.inspection.lesson.rounding import FACTOR, SUM
from attn_cli.inspection.lesson.said import factors, in_parentheses, quoted, rounded, say
from attn_cli.inspection.lesson.tables import small_matrix

ROLES = ("query", "key", "value")


def linear_layers(context: LessonContext) -> Iterator[Declared]:
    """Query, key and value of each character, by three linear layers."""
    query, key, value = context.attention.query, context.attention.key, context.attention.value
    channel = context.head * context.D
    bias = ", and a bias" if query.bias is not None else ""
    yield (
        "Each character now gets three vectors: a query, a key and a value. Its query is what it "
        "asks for; its key is what other characters find it by; its value is what it gives to "
        "those that find it. The names only say what the vectors will be used for. What they ask "
        "for and what they give is learned in training."
    )
    yield (
        f"Each of the three comes from a linear layer: a matrix of {context.C} × {context.C} "
        "weights. For each new number a linear layer takes one row of the matrix, multiplies its "
        f"weights by the {context.C} old numbers one by one, and adds up the products{bias}. So "
        "every new number is a mixture of all the old ones, and the weights are the recipe."
    )
    for role, layer in zip(ROLES, (query, key, value), strict=True):
        yield from small_matrix(f"weights of the {role}, (C, C)", layer.weight)
        if layer.bias is not None:
            yield from small_matrix(f"bias of the {role}, (1, C)", layer.bias[None], ["b"])
    name = context.name("attention.query")
    yield f"Channel {channel} of the query of {quoted(FOLLOWED)}:"
    yield DotProduct(
        f"row {channel} of the query's weights, times the vector after the norm",
        ("weight", at(["weight", f"{name}.weight"], channel)),
        ("vector", at(layer_tensor("attention norm"), FOLLOWED)),
        None if query.bias is None else at(["weight", f"{name}.bias"], channel),
    )


def split_into_heads(context: LessonContext) -> Iterator[Declared]:
    """C channels into H heads of D."""
    if context.H == 1:
        return
    first, end = context.head * context.D, (context.head + 1) * context.D - 1
    yield (
        f"A head works with D = C / H = {context.C} / {context.H} = {context.D} channels. Queries, "
        "keys and values are split into H pieces, one per head, and every head attends by itself, "
        "so that each can look for something else. Splitting computes nothing: the same numbers "
        f"are read as ({context.H}, {say(T)}, {context.D}) instead of ({say(T)}, "
        f"{context.C})."
    )
    yield (
        f"Head {context.head + 1} has channels {first} to {end}"
        + ("; its tables count them from 0 again:" if first else ":")
    )
    yield from _heads(context)


def one_head(context: LessonContext) -> Iterator[Declared]:
    """The same where there is a single head."""
    if context.H > 1:
        return
    yield (
        "Most models split queries, keys and values into pieces, one per head, so that several "
        "heads attend side by side. This one has a single head, which gets all C channels."
    )
    yield from _heads(context)


def _heads(context: LessonContext) -> Iterator[Declared]:
    """The queries, keys and values of the head."""
    for role, plural in zip(ROLES, ("queries", "keys", "values"), strict=True):
        vectors = head_tensor(f"{role} heads")
        yield VectorTable(f"{plural} of head {context.head + 1}", "T, D", vectors)


def query_key_norm(context: LessonContext) -> Iterator[Declared]:
    """The RMSNorm of queries and keys, where the block has it."""
    norm = context.attention.query_norm
    if norm is None:
        return
    vector = at(head_tensor("query heads"), FOLLOWED)
    yield (
        "Attention is about to multiply queries by keys, and the products would be large just "
        "because the vectors are long. So each query and each key is normalised once more, now "
        "within the head, by an RMSNorm; values stay as they are."
    )
    name = context.name("attention.query_norm")
    yield norm_of_vector(f"the query of {quoted(FOLLOWED)}", vector, norm, name)
    yield VectorTable("normalised queries", "T, D", head_tensor("query norm"))
    yield VectorTable("normalised keys", "T, D", head_tensor("key norm"))


def rotary_positions(context: LessonContext) -> Iterator[Declared]:
    """Rotary position embedding, where the model has it."""
    if context.attention.rotary is None:
        return
    half, base, t = context.D // 2, context.model.config.rope_theta, say(FOLLOWED)
    normed = context.has("attention.query norm")
    before = at(head_tensor("query norm" if normed else "query heads"), FOLLOWED)
    after = at(head_tensor("rotated query"), FOLLOWED)
    one, other = factors(at(before, 0), at(before, half))
    cos, sin = rounded(["cos", FOLLOWED], ["sin", FOLLOWED], decimals=FACTOR)
    c, s = in_parentheses(cos), in_parentheses(sin)
    x, y = rounded(at(after, 0), at(after, half), decimals=SUM)
    yield (
        "This is where this model uses positions: by rotary position embedding (RoPE). It takes "
        f"the channels of a query in pairs, i with i + D / 2 = i + {half}, as points in a plane, "
        "and rotates each point by an angle that grows with the position. Keys are rotated in the "
        "same way, values are not. The product of a query and a key then depends not on where the "
        "two are, but only on how far apart: if both move by one, both rotate by the same angle."
    )
    yield (
        f"Pair i rotates by 1 / {base:g}^(2i / D) radians per position: the first pair fastest, "
        f"the others more and more slowly. Pair 0 of the query of {quoted(FOLLOWED)} rotates by "
        f"{t} radians:"
    )
    yield Formula(
        (
            f"cos({t}) = {cos}",
            f"sin({t}) = {sin}",
            f"channel 0:  {one} × {c} - {in_parentheses(other)} × {s} = {x}",
            f"channel {half}:  {other} × {c} + {in_parentheses(one)} × {s} = {y}",
        )
    )
    yield VectorTable("rotated queries", "T, D", head_tensor("rotated query"))
    yield VectorTable("rotated keys", "T, D", head_tensor("rotated key"))
