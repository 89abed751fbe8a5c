"""From heads back to the residual stream: the other heads, merge, projection, residual.

Shapes: T time (characters), C channels = n_embd, H heads, D head size = C / H.
"""

from collections.abc import Iterator

import torch

from attn_cli.inspection.lesson.blocks import Formula, Part, Table
from attn_cli.inspection.lesson.context import MAX_SHOWN, LessonContext, shape_text, small_matrix
from attn_cli.inspection.lesson.rounding import (
    FACTOR,
    SUM,
    in_parentheses,
    rounded,
    rounded_number,
    rounded_rows,
)
from attn_cli.inspection.lesson.worked_arithmetic import dot_product


def other_heads(context: LessonContext) -> Iterator[Part]:
    """The weights of the layer's other heads, for the same character."""
    if context.H == 1:
        return
    weights = context.layer_tensor("attention.softmax weights")[:, context.followed]  # (H, T)
    shown = weights[:MAX_SHOWN, list(context.shown)].tolist()
    names = [f"head {number}" for number in range(1, len(shown) + 1)]
    yield (
        "At the same time the other heads of this layer do the same with queries, keys and values "
        f"of their own. The weights of each for {context.quoted(context.followed)}:"
    )
    yield Table(
        f"weights of the last row, {shape_text('H, T', weights)}"
        + (f"; the first {MAX_SHOWN} heads" if context.H > MAX_SHOWN else "")
        + context.truncation,
        context.column_names,
        tuple(zip(names, rounded_rows(shown), strict=True)),
    )
    yield (
        "A weight says how much of a value is taken, but not what the value holds or what the rest "
        "of the model makes of it. Attention weights alone do not explain a prediction."
    )


def merge_and_project(context: LessonContext) -> Iterator[Part]:
    """The heads put together again, and a linear layer over all of them."""
    projection = context.attention.projection
    assert projection is not None
    merged = context.layer_tensor("attention.merged heads")
    bias = projection.bias
    yield (
        f"The outputs of the {context.H} heads are put side by side again, head 1 first: "
        f"{context.H} × {context.D} = {context.C} channels. "
        if context.H > 1
        else "With one head there is nothing to merge. "
    )
    yield context.vector_table(
        "merged heads" if context.H > 1 else "output of the head", "T, C", merged
    )
    yield (
        "One more linear layer, the projection, mixes all of them, so that what one head found can "
        "reach every channel."
    )
    yield from small_matrix("weights of the projection, (C, C)", projection.weight)
    yield f"Channel 0 of the projection for {context.quoted(context.followed)}:"
    yield from dot_product(
        "row 0 of the projection's weights, times the merged heads",
        ("weight", projection.weight[0].tolist()),
        ("merged", merged[context.followed].tolist()),
        None if bias is None else bias[0].item(),
    )
    yield context.vector_table(
        "after the projection", "T, C", context.layer_tensor("attention.projection")
    )


def residual(context: LessonContext) -> Iterator[Part]:
    """The residual connection around attention."""
    yield (
        "The result does not replace the vectors that came into the layer: it is added to them, as "
        "they were before the norm. This is a residual connection. Nothing has to pass through "
        "attention in order to be kept, and each part of the model only adds to what is there. The "
        "vectors that run through all layers in this way are called the residual stream."
    )
    yield from residual_sum(
        context,
        context.activations.residual_stream[context.layer],
        "attention.projection",
        "attention",
    )


def residual_sum(
    context: LessonContext, before: torch.Tensor, addition: str, part: str
) -> Iterator[Part]:
    """A residual sum: by hand for channel 0 of the followed character, then for all."""
    added, after = context.layer_tensor(addition), context.layer_tensor(f"{part} residual")
    last = context.followed
    one, other = rounded([float(before[last, 0]), float(added[last, 0])], FACTOR)
    both = rounded_number(float(after[last, 0]), SUM)
    yield f"Channel 0 of {context.quoted(last)}:"
    yield Formula((f"{one} + {in_parentheses(other)} = {both}",))
    yield context.vector_table(f"the residual stream after {part}", "T, C", after)
