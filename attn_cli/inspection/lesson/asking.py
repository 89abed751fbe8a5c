"""Queries, keys and values: what attention works with.

Shapes: T time (characters), C channels = n_embd, H heads, D head size = C / H.
"""

from __future__ import annotations

import math

from torch import nn

from attn_cli.inspection.lesson.by_hand import products
from attn_cli.inspection.lesson.decimals import FACTOR, SUM, factors, operand, written
from attn_cli.inspection.lesson.norms import by_hand
from attn_cli.inspection.lesson.scene import Scene, in_full
from attn_cli.inspection.steps import Formula, Part, Step

ROLES = ("query", "key", "value")


def queries_keys_values(scene: Scene) -> Step:
    """Three linear layers on the same vectors."""
    channel = scene.head * scene.D
    biased = scene.attention.query.bias is not None
    bias = ", and a bias" if biased else ""
    normed = scene.of_layer("attention norm")
    parts: list[Part] = [
        "Each character now gets three vectors. Its query is what it asks for; its key is what "
        "others find it by; its value is what it gives to those who find it. The names say what "
        "the vectors will be used for. What is asked and given, training decides.",
        f"Each of the three comes from a linear layer: a matrix of {scene.C} × {scene.C} weights. "
        f"For each new number a linear layer takes one row of the matrix, multiplies it with the "
        f"{scene.C} old numbers one by one, and adds up the products{bias}. So every new number "
        "is a mixture of all the old ones, by a recipe that was learned.",
    ]
    for role in ROLES:
        weight = _layer(scene, role).weight
        parts += in_full(f"weights of the {role}, (C, C)", weight)
        if biased:
            parts += in_full(f"bias of the {role}, (1, C)", _layer(scene, role).bias[None], ["b"])
    parts.append(f"The query of {scene.quoted(scene.last)}, its channel {channel}:")
    parts += products(
        f"row {channel} of the query's weights, times the vector after the norm",
        ("weight", _layer(scene, "query").weight[channel].tolist()),
        ("vector", normed[scene.last].tolist()),
        _layer(scene, "query").bias[channel].item() if biased else None,
    )
    return Step("Query, key and value", tuple(parts))


def split(scene: Scene) -> Step:
    """C channels into H pieces of D."""
    first, end = scene.head * scene.D, (scene.head + 1) * scene.D - 1
    parts: list[Part] = [
        f"A head works with D = C / H = {scene.C} / {scene.H} = {scene.D} channels. Queries, keys "
        "and values are cut into H pieces, one a head, and every head attends by itself: each "
        "can look at something else. Cutting computes nothing; the same numbers are read as "
        f"({scene.H}, {scene.T}, {scene.D}) instead of ({scene.T}, {scene.C})."
        if scene.H > 1
        else "Most models cut queries, keys and values into pieces, one for each head, so that "
        "several attentions run side by side. This one has one head, which gets all C channels."
    ]
    if scene.H > 1:
        parts.append(
            f"Head {scene.head + 1} has channels {first} to {end}"
            + (", counted from 0 again in its tables:" if first else ":")
        )
    for role, plural in zip(ROLES, ("queries", "keys", "values"), strict=True):
        vectors = scene.of_head(f"{role} heads")
        parts.append(scene.vectors(f"{plural} of head {scene.head + 1}", "T, D", vectors))
    return Step("One piece for each head" if scene.H > 1 else "One head", tuple(parts))


def normed(scene: Scene) -> Step | None:
    """The norm of queries and keys, where the block has it."""
    norm = scene.attention.query_norm
    if norm is None:
        return None
    vector = scene.of_head("query heads")[scene.last]
    return Step(
        "Queries and keys of one size",
        (
            "Scores will be products of queries and keys, and long vectors would make them large "
            "for no other reason. So each query and each key is normalised once more, now within "
            "the head, by an RMSNorm that all characters share; values are left as they are.",
            *by_hand(f"the query of {scene.quoted(scene.last)}", vector, norm),
            scene.vectors("queries after it", "T, D", scene.of_head("query norm")),
            scene.vectors("keys after it", "T, D", scene.of_head("key norm")),
        ),
    )


def turned(scene: Scene) -> Step | None:
    """Rotary positions, where the model has them."""
    if scene.attention.rotary is None:
        return None
    half, base, t = scene.D // 2, scene.seen.model.config.rope_theta, scene.last
    before = scene.of_head("query norm" if scene.has("attention.query norm") else "query heads")
    after = scene.of_head("rotated query")
    (one, other), *_ = factors([float(before[t, 0]), float(before[t, half])])
    cos, sin = written([math.cos(t), math.sin(t)], FACTOR)
    c, s = operand(cos), operand(sin)
    x, y = written([float(after[t, 0]), float(after[t, half])], SUM)
    return Step(
        "Turned by position",
        (
            "Here this model brings in the positions (rope, rotary position embedding). It takes "
            f"the channels of a query in pairs, i with i + D / 2 = i + {half}, as points in a "
            "plane, and turns each by an angle that grows with the position. Keys are turned "
            "alike, values are not. Of the positions of a query and a key their product then "
            "tells only how far apart they are: if both move by one, both turn by the same.",
            f"Pair i turns by 1 / {base:g}^(2i / D) radians a position: the first pair fastest, "
            f"for what is near; the others more and more slowly. Pair 0 of the query of "
            f"{scene.quoted(t)} turns by {t} radians:",
            Formula(
                (
                    f"cos({t}) = {cos}",
                    f"sin({t}) = {sin}",
                    f"channel 0:  {one} × {c} - {operand(other)} × {s} = {x}",
                    f"channel {half}:  {other} × {c} + {operand(one)} × {s} = {y}",
                )
            ),
            scene.vectors("turned queries", "T, D", after),
            scene.vectors("turned keys", "T, D", scene.of_head("rotated key")),
        ),
    )


def _layer(scene: Scene, role: str) -> nn.Linear:
    layer = getattr(scene.attention, role)
    assert isinstance(layer, nn.Linear)
    return layer
