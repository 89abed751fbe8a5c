"""From heads back to the residual stream: the other heads, merge, projection, residual.

Shapes: T time (characters), C channels = n_embd, H heads, D head size = C / H.
"""

from __future__ import annotations

import torch

from attn_cli.inspection.lesson.blocks import Formula, LessonStep, Part, Table
from attn_cli.inspection.lesson.context import MAX_SHOWN, LessonContext, shape_text, small_matrix
from attn_cli.inspection.lesson.rounding import FACTOR, SUM, in_parentheses, rounded
from attn_cli.inspection.lesson.worked_arithmetic import dot_product


def other_heads(context: LessonContext) -> LessonStep | None:
    """The weights of the layer's other heads, for the same character."""
    if context.H == 1:
        return None
    weights = context.layer_tensor("attention.softmax weights")  # (H, T, T)
    heads = range(min(context.H, MAX_SHOWN))
    cells = iter(
        rounded(
            [n for head in heads for n in weights[head, context.last, list(context.shown)].tolist()]
        )
    )
    parts: list[Part] = [
        f"At the same time the other heads of this layer do the same with queries, keys and "
        f"values of their own. The weights of each for {context.quoted(context.last)}:",
        Table(
            f"weights of the last row, {shape_text('H, T', weights[:, context.last])}"
            + (f"; the first {MAX_SHOWN} heads" if context.H > MAX_SHOWN else "")
            + context.truncation,
            context.column_names,
            tuple(
                (f"head {head + 1}", tuple(next(cells) for _ in context.shown)) for head in heads
            ),
        ),
        "A weight says how much of a value is taken, but not what the value holds or what the rest "
        "of the model makes of it. Attention weights alone do not explain a prediction.",
    ]
    return LessonStep("The other heads", tuple(parts))


def merge_and_project(context: LessonContext) -> LessonStep:
    """The heads put together again, and a linear layer over all of them."""
    projection = context.attention.projection
    assert projection is not None
    merged = context.layer_tensor("attention.merged heads")
    bias = projection.bias
    parts: list[Part] = [
        f"The outputs of the {context.H} heads are put side by side again, head 1 first: "
        f"{context.H} × {context.D} = {context.C} channels. "
        if context.H > 1
        else "With one head there is nothing to merge. ",
        context.vector_table(
            "merged heads" if context.H > 1 else "output of the head", "T, C", merged
        ),
        "One more linear layer, the projection, mixes all of them, so that what one head found "
        "can reach every channel.",
        *small_matrix("weights of the projection, (C, C)", projection.weight),
        f"Channel 0 of the projection for {context.quoted(context.last)}:",
        *dot_product(
            "row 0 of the projection's weights, times the merged heads",
            ("weight", projection.weight[0].tolist()),
            ("merged", merged[context.last].tolist()),
            None if bias is None else bias[0].item(),
        ),
        context.vector_table(
            "after the projection", "T, C", context.layer_tensor("attention.projection")
        ),
    ]
    return LessonStep("Merge and projection", tuple(parts))


def residual(context: LessonContext) -> LessonStep:
    """The residual connection around attention."""
    return LessonStep(
        "Residual connection",
        (
            "The result does not replace the vectors that came into the layer: it is added to "
            "them, as they were before the norm. This is a residual connection. Nothing has to "
            "pass through attention in order to be kept, and each part of the model only adds to "
            "what is there. The vectors that run through all layers in this way are called the "
            "residual stream.",
            *residual_sum(
                context,
                context.activations.residual_stream[context.layer],
                "attention.projection",
                "attention",
            ),
        ),
    )


def residual_sum(
    context: LessonContext, before: torch.Tensor, addition: str, part: str
) -> tuple[Part, ...]:
    """A residual sum: by hand for channel 0 of the followed character, then for all."""
    after = context.layer_tensor(f"{part} residual")
    last = context.last
    one, other = rounded(
        [float(before[last, 0]), float(context.layer_tensor(addition)[last, 0])], FACTOR
    )
    both = rounded([float(after[last, 0])], SUM)[0]
    return (
        f"Channel 0 of {context.quoted(last)}:",
        Formula((f"{one} + {in_parentheses(other)} = {both}",)),
        context.vector_table(f"the residual stream after {part}", "T, C", after),
    )
