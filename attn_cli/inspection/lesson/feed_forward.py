"""The feed-forward network with its norm and residual, and the other layers.

Shapes: T time (characters), C channels = n_embd, F feed-forward width, L layers.
"""

from collections.abc import Iterator

from attn_cli.inspection.lesson.blocks import Formula, Part
from attn_cli.inspection.lesson.context import (
    MAX_SHOWN,
    LessonContext,
    matrix_table,
    shape_text,
    small_matrix,
)
from attn_cli.inspection.lesson.merge_heads import residual_sum
from attn_cli.inspection.lesson.norms import worked_norm
from attn_cli.inspection.lesson.rounding import (
    PRODUCT,
    SUM,
    in_parentheses,
    rounded_factors,
    rounded_number,
)
from attn_cli.inspection.lesson.worked_arithmetic import dot_product
from attn_cli.model.feed_forward import GeluFeedForward, SwiGluFeedForward


def feed_forward_norm(context: LessonContext) -> Iterator[Part]:
    """The norm before the feed-forward network."""
    stream, last = context.layer_tensor("attention residual"), context.followed
    yield (
        "Before the second half of the layer the residual stream is normalised, as before the "
        "first, with a gain of its own. Only what goes into the next part is normalised; the "
        "stream itself stays as it is."
    )
    norm = context.block.feed_forward_norm
    yield from worked_norm(f"the vector of {context.quoted(last)}", stream[last], norm)
    yield context.vector_table("after the norm", "T, C", context.layer_tensor("feed-forward norm"))


def feed_forward(context: LessonContext) -> Iterator[Part]:
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
    yield f"A {count} linear layer, down, makes C = {context.C} channels of these F = {context.F}."
    yield from small_matrix("weights of down, (C, F)", module.down.weight)
    yield _rows(context, f"after down, (C) = ({context.C})", {"down": "down"})


def _gelu(context: LessonContext, module: GeluFeedForward, intro: str) -> Iterator[Part]:
    up, gelu = context.layer_tensor("feed-forward.up"), context.layer_tensor("feed-forward.gelu")
    last = context.followed
    unit = int(gelu[last].argmax())
    inner = up[last, unit].item()
    ((x,),) = rounded_factors([inner])
    curve = rounded_number(0.79788 * (inner + 0.044715 * inner**3), PRODUCT)
    yield (
        intro
        + f"A linear layer, up, makes F = {context.F} numbers of the C = {context.C}. Each is a "
        "detector: large if the vector has what its row of weights looks for. GELU, the activation "
        "function, bends these numbers: it lets large ones through and holds negative ones near 0. "
        "Without it, two linear layers in a row could do no more than one."
    )
    yield from small_matrix("weights of up, (F, C)", module.up.weight)
    yield f"For {context.quoted(last)} the largest of the {context.F} activations is number {unit}:"
    yield from dot_product(
        f"row {unit} of up's weights, times the vector after the norm",
        ("weight", module.up.weight[unit].tolist()),
        ("vector", context.layer_tensor("feed-forward norm")[last].tolist()),
        None if module.up.bias is None else module.up.bias[unit].item(),
    )
    yield "GELU(x) is x / 2 × (1 + tanh(√(2 / π) × (x + 0.044715 x³))), and √(2 / π) = 0.79788:"
    yield Formula(
        (
            f"0.79788 × ({x} + 0.044715 × {in_parentheses(x)}^3) = {curve}",
            f"{x} / 2 × (1 + tanh({curve})) = {rounded_number(float(gelu[last, unit]), SUM)}",
        )
    )
    yield _rows(context, f"inside, (F) = ({context.F})", {"up": "up", "gelu": "GELU"})


def _swiglu(context: LessonContext, module: SwiGluFeedForward, intro: str) -> Iterator[Part]:
    last = context.followed
    gate, silu, up, gated = (
        context.layer_tensor(f"feed-forward.{name}") for name in ("gate", "silu", "up", "gate * up")
    )
    unit = int(gated[last].abs().argmax())
    ((g, full, u),) = rounded_factors([tensor[last, unit].item() for tensor in (gate, silu, up)])
    opened = rounded_number(silu[last, unit].item(), PRODUCT)
    yield (
        intro + f"Two linear layers, gate and up, make F = {context.F} numbers each of the "
        f"C = {context.C}. SiLU, the activation function, bends those of gate: it lets large "
        "numbers through and holds negative ones near 0. Then each is multiplied by its number of "
        "up, so that the gate decides how much of it passes. This is called SwiGLU. Without the "
        "activation and the product, linear layers in a row could do no more than one."
    )
    yield from small_matrix("weights of gate, (F, C)", module.gate.weight)
    yield from small_matrix("weights of up, (F, C)", module.up.weight)
    yield (
        f"For {context.quoted(last)} the largest of the {context.F} products is number {unit}. Its "
        "gate:"
    )
    yield from dot_product(
        f"row {unit} of gate's weights, times the vector after the norm",
        ("weight", module.gate.weight[unit].tolist()),
        ("vector", context.layer_tensor("feed-forward norm")[last].tolist()),
    )
    yield f"SiLU(x) is x / (1 + exp(-x)). Then it is multiplied by its number of up, {u}:"
    yield Formula(
        (
            f"{g} / (1 + exp(-{in_parentheses(g)})) = {opened}",
            f"{full} × {in_parentheses(u)} = {rounded_number(gated[last, unit].item(), SUM)}",
        )
    )
    yield _rows(
        context,
        f"inside, (F) = ({context.F})",
        {"gate": "gate", "silu": "SiLU", "up": "up", "gate * up": "SiLU × up"},
    )


def _rows(context: LessonContext, what: str, operations: dict[str, str]) -> Part:
    """The followed character's vectors after some operations, a row each."""
    t = context.followed
    rows = [context.layer_tensor(f"feed-forward.{name}")[t].tolist() for name in operations]
    return matrix_table(f"{context.quoted(t)} {what}", list(operations.values()), rows)


def residual(context: LessonContext) -> Iterator[Part]:
    """The residual connection around the feed-forward network."""
    yield "This too is added to the residual stream, and the layer is complete."
    before = context.layer_tensor("attention residual")
    yield from residual_sum(context, before, "feed-forward.down", "feed-forward")


def other_layers(context: LessonContext) -> Iterator[Part]:
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
    stream = context.activations.residual_stream[:, context.followed]  # (L + 1, C)
    chosen = list(range(context.L + 1))
    if context.L + 1 > MAX_SHOWN:
        chosen = [*range(MAX_SHOWN - 1), context.L]
    names = ["before layer 1", *(f"after layer {number + 1}" for number in range(context.L))]
    yield matrix_table(
        f"the residual stream of {context.quoted(context.followed)}, "
        + shape_text("L + 1, C", stream)
        + ("; some of them" if len(chosen) <= context.L else ""),
        [names[i] for i in chosen],
        [stream[i].tolist() for i in chosen],
    )
