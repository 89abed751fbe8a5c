"""The feed-forward network with its norm and residual, and the other layers.

Shapes: T time (characters), C channels = n_embd, F feed-forward width, L layers.
"""

from __future__ import annotations

from attn_cli.inspection.lesson.blocks import Formula, LessonStep, Part
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
    rounded,
    rounded_factors,
)
from attn_cli.inspection.lesson.worked_arithmetic import dot_product
from attn_cli.model.feed_forward import GeluFeedForward, SwiGluFeedForward


def feed_forward_norm(context: LessonContext) -> LessonStep:
    """The norm before the feed-forward network."""
    stream, last = context.layer_tensor("attention residual"), context.last
    return LessonStep(
        "The norm again",
        (
            "Before the second half of the layer the residual stream is normalised, as before the "
            "first, with a gain of its own. Only what goes into the next part is normalised; the "
            "stream itself stays as it is.",
            *worked_norm(
                f"the vector of {context.quoted(last)}",
                stream[last],
                context.block.feed_forward_norm,
            ),
            context.vector_table(
                "after the norm", "T, C", context.layer_tensor("feed-forward norm")
            ),
        ),
    )


def feed_forward(context: LessonContext) -> LessonStep:
    """Two or three linear layers with an activation, for each character by itself."""
    module = context.block.feed_forward
    intro = (
        "Attention moved information between characters. The feed-forward network (also MLP) "
        "works on each character by itself, with what attention has gathered for it. "
    )
    if isinstance(module, SwiGluFeedForward):
        parts = _swiglu(context, module, intro)
    else:
        assert isinstance(module, GeluFeedForward)
        parts = _gelu(context, module, intro)
    down = module.down
    count = "third" if isinstance(module, SwiGluFeedForward) else "second"
    parts += [
        f"A {count} linear layer, down, makes C = {context.C} channels of these F = {context.F}.",
        *small_matrix("weights of down, (C, F)", down.weight),
        _rows(context, f"after down, (C) = ({context.C})", {"down": "down"}),
    ]
    return LessonStep("Feed-forward", tuple(parts))


def _gelu(context: LessonContext, module: GeluFeedForward, intro: str) -> list[Part]:
    up, gelu = context.layer_tensor("feed-forward.up"), context.layer_tensor("feed-forward.gelu")
    last = context.last
    unit = int(gelu[last].argmax())
    inner = up[last, unit].item()
    x = rounded_factors([inner])[0][0]
    curve = rounded([0.79788 * (inner + 0.044715 * inner**3)], PRODUCT)[0]
    return [
        intro
        + f"A linear layer, up, makes F = {context.F} numbers of the C = {context.C}. Each is a "
        "detector: large if the vector has what its row of weights looks for. GELU, the "
        "activation function, bends these numbers: it lets large ones through and holds "
        "negative ones near 0. Without it, two linear layers in a row could do no more than "
        "one.",
        *small_matrix("weights of up, (F, C)", module.up.weight),
        f"For {context.quoted(last)} the largest of the {context.F} activations is number {unit}:",
        *dot_product(
            f"row {unit} of up's weights, times the vector after the norm",
            ("weight", module.up.weight[unit].tolist()),
            ("vector", context.layer_tensor("feed-forward norm")[last].tolist()),
            None if module.up.bias is None else module.up.bias[unit].item(),
        ),
        "GELU(x) is x / 2 × (1 + tanh(√(2 / π) × (x + 0.044715 x³))), and √(2 / π) = 0.79788:",
        Formula(
            (
                f"0.79788 × ({x} + 0.044715 × {in_parentheses(x)}^3) = {curve}",
                f"{x} / 2 × (1 + tanh({curve})) = {rounded([float(gelu[last, unit])], SUM)[0]}",
            )
        ),
        _rows(context, f"inside, (F) = ({context.F})", {"up": "up", "gelu": "GELU"}),
    ]


def _swiglu(context: LessonContext, module: SwiGluFeedForward, intro: str) -> list[Part]:
    last = context.last
    gate, up = context.layer_tensor("feed-forward.gate"), context.layer_tensor("feed-forward.up")
    silu, gated = (
        context.layer_tensor("feed-forward.silu"),
        context.layer_tensor("feed-forward.gate * up"),
    )
    unit = int(gated[last].abs().argmax())
    ((g, full, u),) = rounded_factors([tensor[last, unit].item() for tensor in (gate, silu, up)])
    opened = rounded([silu[last, unit].item()], PRODUCT)[0]
    return [
        intro + f"Two linear layers, gate and up, make F = {context.F} numbers each of the "
        f"C = {context.C}. SiLU, the activation function, bends those of gate: it lets large "
        "numbers through and holds negative ones near 0. Then each is multiplied by its number "
        "of up, so that the gate decides how much of it passes. This is called SwiGLU. Without "
        "the activation and the product, linear layers in a row could do no more than one.",
        *small_matrix("weights of gate, (F, C)", module.gate.weight),
        *small_matrix("weights of up, (F, C)", module.up.weight),
        f"For {context.quoted(last)} the largest of the {context.F} products is number {unit}. "
        "Its gate:",
        *dot_product(
            f"row {unit} of gate's weights, times the vector after the norm",
            ("weight", module.gate.weight[unit].tolist()),
            ("vector", context.layer_tensor("feed-forward norm")[last].tolist()),
        ),
        f"SiLU(x) is x / (1 + exp(-x)). Then it is multiplied by its number of up, {u}:",
        Formula(
            (
                f"{g} / (1 + exp(-{in_parentheses(g)})) = {opened}",
                f"{full} × {in_parentheses(u)} = {rounded([gated[last, unit].item()], SUM)[0]}",
            )
        ),
        _rows(
            context,
            f"inside, (F) = ({context.F})",
            {"gate": "gate", "silu": "SiLU", "up": "up", "gate * up": "SiLU × up"},
        ),
    ]


def _rows(context: LessonContext, what: str, operations: dict[str, str]) -> Part:
    """The followed character's vectors after some operations, a row each."""
    rows = [
        context.layer_tensor(f"feed-forward.{name}")[context.last].tolist() for name in operations
    ]
    return matrix_table(f"{context.quoted(context.last)} {what}", list(operations.values()), rows)


def residual(context: LessonContext) -> LessonStep:
    """The residual connection around the feed-forward network."""
    return LessonStep(
        "Residual connection again",
        (
            "This too is added to the residual stream, and the layer is complete.",
            *residual_sum(
                context,
                context.layer_tensor("attention residual"),
                "feed-forward.down",
                "feed-forward",
            ),
        ),
    )


def other_layers(context: LessonContext) -> LessonStep:
    """What the other layers do, and the residual stream after each."""
    stream = context.activations.residual_stream[:, context.last]  # (L + 1, C)
    chosen = list(range(context.L + 1))
    if context.L + 1 > MAX_SHOWN:
        chosen = [*range(MAX_SHOWN - 1), context.L]
    names = ["before layer 1", *(f"after layer {number + 1}" for number in range(context.L))]
    table = matrix_table(
        f"the residual stream of {context.quoted(context.last)}, {shape_text('L + 1, C', stream)}"
        + ("; some of them" if len(chosen) <= context.L else ""),
        [names[i] for i in chosen],
        [stream[i].tolist() for i in chosen],
    )
    if context.L == 1:
        text = (
            "Larger models repeat all this many times, each layer with weights of its own, on what "
            "earlier layers have added. This model has one layer."
        )
    else:
        text = (
            f"All this happens {context.L} times, once in each layer, with the same steps and "
            "other weights. A later layer works on what earlier ones have added: its heads can "
            "look for what no single character can tell, such as a word."
        )
    return LessonStep("The other layers", (text, table) if context.L > 1 else (text,))
