"""The feed-forward network with its norm and residual, and the other layers.

Shapes: T time (characters), C channels = n_embd, F feed-forward width, L layers.
"""

from collections.abc import Iterator

from attn_cli.inspection.lesson.blocks import Formula
from attn_cli.inspection.lesson.context import LessonContext
from attn_cli.inspection.lesson.declared import Declared, DotProduct, MatrixTable, VectorTable
from attn_cli.inspection.lesson.merge_heads import residual_sum
from attn_cli.inspection.lesson.norms import norm_of_vector
from attn_cli.inspection.lesson.quantities import FOLLOWED, at, layer_tensor
from attn_cli.inspection.lesson.rounding import PRODUCT, SUM
from attn_cli.inspection.lesson.said import (
    factors,
    in_parentheses,
    quoted,
    rounded_number,
    say,
)
from attn_cli.inspection.lesson.shown import MAX_SHOWN
from attn_cli.inspection.lesson.tables import small_matrix
from attn_cli.model.feed_forward import GeluFeedForward, SwiGluFeedForward


def feed_forward_norm(context: LessonContext) -> Iterator[Declared]:
    """The norm before the feed-forward network."""
    stream, name = layer_tensor("attention residual"), context.name("feed_forward_norm")
    yield (
        "Before the second half of the layer the residual stream is normalised, as before the "
        "first, with a gain of its own. Only what goes into the next part is normalised; the "
        "stream itself stays as it is."
    )
    norm = context.block.feed_forward_norm
    yield norm_of_vector(f"the vector of {quoted(FOLLOWED)}", at(stream, FOLLOWED), norm, name)
    yield VectorTable("after the norm", "T, C", layer_tensor("feed-forward norm"))


def feed_forward(context: LessonContext) -> Iterator[Declared]:
    """Two or three linear layers with an activation, for each character by itself."""
    module = context.block.feed_forward
    intro = (
        "Attention moved information between characters. The feed-forward network (also MLP) works "
        "on each character by itself, with what attention has gathered for it. "
    )
    if isinstance(module, SwiGluFeedForward):
        count = "third"
        yield from _swiglu(context, module, intro)
    else:
        count = "second"
        yield from _gelu(context, module, intro)
    yield (
        f"A {count} linear layer, down, turns these F = {context.F} numbers into C = {context.C} "
        "channels again."
    )
    yield from small_matrix("weights of down, (C, F)", module.down.weight)
    yield _rows(f"after down, (C) = ({context.C})", {"down": "down"})


def _gelu(context: LessonContext, module: GeluFeedForward, intro: str) -> Iterator[Declared]:
    gelu, name = at(layer_tensor("feed-forward.gelu"), FOLLOWED), context.name("feed_forward.up")
    unit = ["argmax", gelu]
    inner = at(layer_tensor("feed-forward.up"), FOLLOWED, unit)
    (x,) = factors(inner)
    curve = rounded_number(["*", 0.79788, ["+", inner, ["*", 0.044715, ["cube", inner]]]], PRODUCT)
    yield (
        intro
        + f"A linear layer, up, makes F = {context.F} numbers of the C = {context.C}. Each is a "
        "detector: large if the vector has what its row of weights looks for. GELU, the activation "
        "function, bends these numbers: it lets large ones through and holds negative ones near 0. "
        "Without it, two linear layers in a row could do no more than one."
    )
    yield from small_matrix("weights of up, (F, C)", module.up.weight)
    yield (
        f"For {quoted(FOLLOWED)} the largest of the {context.F} activations is number {say(unit)}:"
    )
    yield DotProduct(
        f"row {say(unit)} of up's weights, times the vector after the norm",
        ("weight", at(["weight", f"{name}.weight"], unit)),
        ("vector", at(layer_tensor("feed-forward norm"), FOLLOWED)),
        None if module.up.bias is None else at(["weight", f"{name}.bias"], unit),
    )
    yield "GELU(x) is x / 2 × (1 + tanh(√(2 / π) × (x + 0.044715 x³))), and √(2 / π) = 0.79788:"
    yield Formula(
        (
            f"0.79788 × ({x} + 0.044715 × {in_parentheses(x)}^3) = {curve}",
            f"{x} / 2 × (1 + tanh({curve})) = {rounded_number(at(gelu, unit), SUM)}",
        )
    )
    yield _rows(f"inside, (F) = ({context.F})", {"up": "up", "gelu": "GELU"})


def _swiglu(context: LessonContext, module: SwiGluFeedForward, intro: str) -> Iterator[Declared]:
    gate, silu, up, gated = (
        at(layer_tensor(f"feed-forward.{name}"), FOLLOWED)
        for name in ("gate", "silu", "up", "gate * up")
    )
    unit = ["argmax of sizes", gated]
    g, full, u = factors(*(at(row, unit) for row in (gate, silu, up)))
    opened = rounded_number(at(silu, unit), PRODUCT)
    yield (
        intro + f"Two linear layers, gate and up, each turn the C = {context.C} channels into "
        f"F = {context.F} numbers. SiLU, the activation function, bends those of gate: it lets "
        "large numbers through and holds negative ones near 0. Then each is multiplied by its "
        "number of up, so that the gate decides how much of it passes. This is called SwiGLU. "
        "Without the activation and the product, linear layers in a row could do no more than one."
    )
    yield from small_matrix("weights of gate, (F, C)", module.gate.weight)
    yield from small_matrix("weights of up, (F, C)", module.up.weight)
    yield (
        f"For {quoted(FOLLOWED)} the largest of the {context.F} products is number {say(unit)}. "
        "Its gate:"
    )
    yield DotProduct(
        f"row {say(unit)} of gate's weights, times the vector after the norm",
        ("weight", at(["weight", f"{context.name('feed_forward.gate')}.weight"], unit)),
        ("vector", at(layer_tensor("feed-forward norm"), FOLLOWED)),
    )
    yield f"SiLU(x) is x / (1 + exp(-x)). Then it is multiplied by its number of up, {u}:"
    yield Formula(
        (
            f"{g} / (1 + exp(-{in_parentheses(g)})) = {opened}",
            f"{full} × {in_parentheses(u)} = {rounded_number(at(gated, unit), SUM)}",
        )
    )
    yield _rows(
        f"inside, (F) = ({context.F})",
        {"gate": "gate", "silu": "SiLU", "up": "up", "gate * up": "SiLU × up"},
    )


def _rows(what: str, operations: dict[str, str]) -> MatrixTable:
    """The followed character's vectors after some operations, a row each."""
    rows = tuple(at(layer_tensor(f"feed-forward.{name}"), FOLLOWED) for name in operations)
    return MatrixTable(f"{quoted(FOLLOWED)} {what}", tuple(operations.values()), rows)


def residual(context: LessonContext) -> Iterator[Declared]:
    """The residual connection around the feed-forward network."""
    yield "This too is added to the residual stream, and the layer is complete."
    before = layer_tensor("attention residual")
    yield from residual_sum(before, "feed-forward.down", "feed-forward")


def other_layers(context: LessonContext) -> Iterator[Declared]:
    """What the other layers do, and the residual stream after each."""
    if context.L == 1:
        yield (
            "Larger models repeat all this many times, each layer with weights of its own, on what "
            "earlier layers have added. This model has one layer."
        )
        return
    yield (
        f"All this happens {context.L} times, once in each layer, with the same steps and other "
        "weights. A later layer works on what earlier ones have added: its heads can look for what "
        "no single character can tell, such as a word."
    )
    chosen = list(range(context.L + 1))
    if context.L + 1 > MAX_SHOWN:
        chosen = [*range(MAX_SHOWN - 1), context.L]
    names = ["before layer 1", *(f"after layer {number + 1}" for number in range(context.L))]
    yield MatrixTable(
        f"the residual stream of {quoted(FOLLOWED)}, (L + 1, C) = ({context.L + 1}, {context.C})"
        + ("; some of them" if len(chosen) <= context.L else ""),
        tuple(names[i] for i in chosen),
        tuple(at(["stream", i], FOLLOWED) for i in chosen),
    )
