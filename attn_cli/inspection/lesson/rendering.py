"""The parts of a lesson as a reader sees them, from what they declare and one forward pass."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import singledispatch

from attn_cli.inspection.lesson import declared, worked_arithmetic
from attn_cli.inspection.lesson.blocks import Formula, Maps, Part, SideBySide, Table
from attn_cli.inspection.lesson.context import MAX_SHOWN, LessonContext, matrix_table, shape_text
from attn_cli.inspection.lesson.quantities import evaluate, numbers
from attn_cli.inspection.lesson.rounding import (
    OMITTED,
    PRODUCT,
    rounded,
    rounded_factors,
    rounded_rows,
)
from attn_cli.inspection.lesson.said import said
from attn_cli.inspection.lesson.worked_norm import worked_norm


def sayer(context: LessonContext) -> Callable[[str], str]:
    """What fills the places of a text."""
    return lambda text: said(text, lambda expression: evaluate(context, expression))


@singledispatch
def render(part: declared.Declared, context: LessonContext) -> Iterator[Part]:
    """What a part shows: one, several or none."""
    raise NotImplementedError(type(part))


@render.register
def _(part: str, context: LessonContext) -> Iterator[Part]:
    yield sayer(context)(part)


@render.register
def _(part: Formula, context: LessonContext) -> Iterator[Part]:
    yield Formula(tuple(map(sayer(context), part.lines)))


@render.register
def _(part: Table, context: LessonContext) -> Iterator[Part]:
    say = sayer(context)
    rows = tuple((say(name), tuple(map(say, cells))) for name, cells in part.rows)
    yield Table(say(part.caption), tuple(map(say, part.columns)), rows)


@render.register
def _(part: declared.VectorTable, context: LessonContext) -> Iterator[Part]:
    yield context.vector_table(part.what, part.axes, evaluate(context, part.vectors))


@render.register
def _(part: declared.PairTable, context: LessonContext) -> Iterator[Part]:
    yield _pair_table(part, context)


def _pair_table(part: declared.PairTable, context: LessonContext) -> Table:
    return context.pair_table(part.what, evaluate(context, part.numbers), part.decimals)


@render.register
def _(part: declared.Pair, context: LessonContext) -> Iterator[Part]:
    yield SideBySide(_pair_table(part.left, context), _pair_table(part.right, context))


@render.register
def _(part: declared.PairMaps, context: LessonContext) -> Iterator[Part]:
    both = (part.left, part.right)
    yield Maps(tuple(context.map(one.what, evaluate(context, one.numbers)) for one in both))


@render.register
def _(part: declared.MatrixTable, context: LessonContext) -> Iterator[Part]:
    say, rows = sayer(context), [numbers(context, row) for row in part.rows]
    yield matrix_table(say(part.caption), list(map(say, part.names)), rows)


@render.register
def _(part: declared.PositionTable, context: LessonContext) -> Iterator[Part]:
    of_next = "loss" in part.columns.values()  # which the last position has not
    positions = [t for t in context.shown if not of_next or t < context.T - 1]
    columns = {
        heading: _of_positions(context, which, positions) for heading, which in part.columns.items()
    }
    yield Table.of_columns(sayer(context)(part.caption), context.row_names, columns)


def _of_positions(context: LessonContext, which: str, positions: Sequence[int]) -> Sequence[str]:
    if which == "id":
        return [str(context.ids[t]) for t in positions]
    if which == "next":
        return [context.symbol(context.ids[t + 1]) for t in positions]
    losses = [float(context.activations.losses[t]) for t in positions]
    columns = worked_arithmetic.loss_columns(losses)
    return columns["probability" if which == "probability" else "-ln(probability)"]


@render.register
def _(part: declared.HeadsTable, context: LessonContext) -> Iterator[Part]:
    weights = context.layer_tensor("attention.softmax weights")[:, context.followed]  # (H, T)
    shown = weights[:MAX_SHOWN, list(context.shown)].tolist()
    names = [f"head {number}" for number in range(1, len(shown) + 1)]
    yield Table(
        f"weights of the last row, {shape_text('H, T', weights)}"
        + (f"; the first {MAX_SHOWN} heads" if context.H > MAX_SHOWN else "")
        + context.truncation,
        context.column_names,
        tuple(zip(names, rounded_rows(shown), strict=True)),
    )


@render.register
def _(part: declared.DotProduct, context: LessonContext) -> Iterator[Part]:
    (left, one), (right, other) = part.left, part.right
    bias = None if part.bias is None else float(evaluate(context, part.bias))
    yield from worked_arithmetic.dot_product(
        sayer(context)(part.caption),
        (left, numbers(context, one)),
        (right, numbers(context, other)),
        bias,
    )


@render.register
def _(part: declared.WorkedNorm, context: LessonContext) -> Iterator[Part]:
    bias = None if part.bias is None else numbers(context, part.bias)
    vector, gain = numbers(context, part.vector), numbers(context, part.gain)
    caption = sayer(context)(part.caption)
    yield from worked_norm(caption, vector, gain, bias, eps=part.eps, centres=part.centres)


@render.register
def _(part: declared.WorkedSoftmax, context: LessonContext) -> Iterator[Part]:
    shown = (
        list(zip(context.shown, context.row_names, strict=True))
        if part.shown == "positions"
        else [(id_, context.symbol(id_)) for id_ in context.candidates]
    )
    scores = numbers(context, part.scores)
    yield from worked_arithmetic.worked_softmax(part.caption, part.heading, scores, shown)


@render.register
def _(part: declared.WeightedSum, context: LessonContext) -> Iterator[Part]:
    weights = context.attention_weights[context.followed].tolist()
    values = context.head_tensor("value heads")[:, 0].tolist()
    multiplied = [weight * value for weight, value in zip(weights, values, strict=True)]
    rest = math.fsum(multiplied[i] for i in context.omitted)
    one, other = rounded_factors(
        [weights[i] for i in context.shown], [values[i] for i in context.shown]
    )
    products = rounded([*(multiplied[i] for i in context.shown), rest], PRODUCT)
    yield Table.of_columns(
        "weight times value",
        worked_arithmetic.with_others(context.row_names, context.T),
        {"weight": (*one, OMITTED), "value": (*other, OMITTED), "product": products},
    )
    yield worked_arithmetic.sum_formula(math.fsum(multiplied))


@render.register
def _(part: declared.Temperatures, context: LessonContext) -> Iterator[Part]:
    names = [context.symbol(id_) for id_ in context.candidates]
    columns = {
        f"{temperature:g}": context.at_temperature(temperature) for temperature in part.temperatures
    }
    names = worked_arithmetic.with_others(names, len(context.answer_logits))
    yield Table.of_columns("probabilities at temperature", names, columns)


@render.register
def _(part: declared.When, context: LessonContext) -> Iterator[Part]:
    if evaluate(context, part.condition):
        for one in part.parts:
            yield from render(one, context)


@render.register
def _(part: declared.OfThisText, context: LessonContext) -> Iterator[Part]:
    yield part.part
