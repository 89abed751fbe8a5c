"""From heads back to the residual stream: the other heads, merge, projection, residual.

Shapes: T time (characters), C channels = n_embd, H heads, D head size = C / H.
"""

from collections.abc import Iterator

from attn_cli.inspection.lesson.blocks import Formula
from attn_cli.inspection.lesson.context import LessonContext
from attn_cli.inspection.lesson.declared import Declared, DotProduct, HeadsTable, VectorTable
from attn_cli.inspection.lesson.quantities import FOLLOWED, at, layer_tensor
from attn_cli.inspection.lesson.rounding import FACTOR, SUM
from attn_cli.inspection.lesson.said import (
    Expression,
    in_parentheses,
    quoted,
    rounded,
    rounded_number,
)
from attn_cli.inspection.lesson.tables import small_matrix


def other_heads(context: LessonContext) -> Iterator[Declared]:
    """The weights of the layer's other heads, for the same character."""
    if context.H == 1:
        return
    yield (
        "At the same time the other heads of this layer do the same with queries, keys and values "
        f"of their own. The weights of each for {quoted(FOLLOWED)}:"
    )
    yield HeadsTable()
    yield (
        "A weight says how much of a value is taken, but not what the value holds or what the rest "
        "of the model makes of it. Attention weights alone do not explain a prediction."
    )


def merge_and_project(context: LessonContext) -> Iterator[Declared]:
    """The heads put together again, and a linear layer over all of them."""
    projection = context.attention.projection
    assert projection is not None
    merged, name = layer_tensor("attention.merged heads"), context.name("attention.projection")
    bias = projection.bias
    yield (
        f"The outputs of the {context.H} heads are put side by side again, head 1 first: "
        f"{context.H} × {context.D} = {context.C} channels. "
        if context.H > 1
        else "With one head there is nothing to merge. "
    )
    yield VectorTable("merged heads" if context.H > 1 else "output of the head", "T, C", merged)
    yield (
        "One more linear layer, the projection, mixes all of them, so that what one head found can "
        "reach every channel."
    )
    yield from small_matrix("weights of the projection, (C, C)", projection.weight)
    yield f"Channel 0 of the projection for {quoted(FOLLOWED)}:"
    yield DotProduct(
        "row 0 of the projection's weights, times the merged heads",
        ("weight", at(["weight", f"{name}.weight"], 0)),
        ("merged", at(merged, FOLLOWED)),
        None if bias is None else at(["weight", f"{name}.bias"], 0),
    )
    yield VectorTable("after the projection", "T, C", layer_tensor("attention.projection"))


def residual(context: LessonContext) -> Iterator[Declared]:
    """The residual connection around attention."""
    yield (
        "The result does not replace the vectors that came into the layer: it is added to them, as "
        "they were before the norm. This is a residual connection. Nothing has to pass through "
        "attention in order to be kept, and each part of the model only adds to what is there. The "
        "vectors that run through all layers in this way are called the residual stream."
    )
    yield from residual_sum(["stream", context.layer], "attention.projection", "attention")


def residual_sum(before: Expression, addition: str, part: str) -> Iterator[Declared]:
    """A residual sum: by hand for channel 0 of the followed character, then for all."""
    added, after = layer_tensor(addition), layer_tensor(f"{part} residual")
    one, other = rounded(at(before, FOLLOWED, 0), at(added, FOLLOWED, 0), decimals=FACTOR)
    both = rounded_number(at(after, FOLLOWED, 0), SUM)
    yield f"Channel 0 of {quoted(FOLLOWED)}:"
    yield Formula((f"{one} + {in_parentheses(other)} = {both}",))
    yield VectorTable(f"the residual stream after {part}", "T, C", after)
