"""The parts of a lesson as a reader sees them, from what they declare and one forward pass."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import singledispatch

from attn_cli.inspection.lesson import declared, worked_arithmetic
from attn_cli.inspection.lesson.attention_context import AttentionContext
from attn_cli.inspection.lesson.blocks import (
    Formula,
    LessonStep,
    Maps,
    Part,
    SideBySide,
    Stage,
    Table,
)
from attn_cli.inspection.lesson.quantities import evaluate, numbers
from attn_cli.inspection.lesson.rounding import (
    OMITTED,
    PRODUCT,
    rounded,
    rounded_factors,
    rounded_rows,
)
from attn_cli.inspection.lesson.said import said
from attn_cli.inspection.lesson.shown import MAX_SHOWN
from attn_cli.inspection.lesson.tables import matrix_table, shape_text
from attn_cli.inspection.lesson.worked_norm import worked_norm


def sayer(context: AttentionContext) -> Callable[[str], str]:
    """What fills the places of a text."""
    return lambda text: said(text, lambda expression: evaluate(context, expression))


def rendered_way(way: Sequence[Stage], context: AttentionContext) -> tuple[Stage, ...]:
    """The stages with the shapes that they have in this forward pass."""
    say = sayer(context)
    return tuple(replace(stage, shape=say(stage.shape), plan=stage.shape) for stage in way)


def rendered_step(
    context: AttentionContext,
    stage: str,
    title: str,
    plan: tuple[declared.Declared, ...],
    way: tuple[Stage, ...],
) -> LessonStep:
    """The step with what its plan shows."""
    shown = [(part, source) for source, one in enumerate(plan) for part in render(one, context)]
    parts, sources = tuple(part for part, _ in shown), tuple(source for _, source in shown)
    return LessonStep(title, parts, stage, way, plan, sources)


@singledispatch
def render(part: declared.Declared, context: AttentionContext) -> Iterator[Part]:
    """What a part shows: one, several or none."""
    raise NotImplementedError(type(part))


@render.register
def _(part: str, context: AttentionContext) -> Iterator[Part]:
    yield sayer(context)(part)


@render.register
def _(part: Formula, context: AttentionContext) -> Iterator[Part]:
    yield Formula(tuple(map(sayer(context), part.lines)))


@render.register
def _(part: Table, context: AttentionContext) -> Iterator[Part]:
    say = sayer(context)
    rows = tuple((say(name), tuple(map(say, cells))) for name, cells in part.rows)
    yield Table(say(part.caption), tuple(map(say, part.columns)), rows)


@render.register
def _(part: declared.VectorTable, context: AttentionContext) -> Iterator[Part]:
    yield context.vector_table(part.what, part.axes, evaluate(context, part.vectors))


@render.register
def _(part: declared.PairTable, context: AttentionContext) -> Iterator[Part]:
    yield _pair_table(part, context)


def _pair_table(part: declared.PairTable, context: AttentionContext) -> Table:
    return context.pair_table(part.what, evaluate(context, part.numbers), part.decimals, part.axes)


@render.register
def _(part: declared.Pair, context: AttentionContext) -> Iterator[Part]:
    yield SideBySide(_pair_table(part.left, context), _pair_table(part.right, context))


@render.register
def _(part: declared.PairMaps, context: AttentionContext) -> Iterator[Part]:
    maps = (context.map(one.what, evaluate(context, one.numbers)) for one in part.tables)
    yield Maps(tuple(maps))


@render.register
def _(part: declared.MatrixTable, context: AttentionContext) -> Iterator[Part]:
    say, rows = sayer(context), [numbers(context, row) for row in part.rows]
    yield matrix_table(say(part.caption), list(map(say, part.names)), rows)


@render.register
def _(part: declared.PositionTable, context: AttentionContext) -> Iterator[Part]:
    of_answers = "id" not in part.columns.values()
    names = dict(zip(context.queries.positions, context.queries.names, strict=True))
    positions = [t for t in names if not of_answers or t in context.answers]
    columns = {
        heading: _of_positions(context, which, positions) for heading, which in part.columns.items()
    }
    caption = sayer(context)(part.caption)
    yield Table.of_columns(caption, [names[t] for t in positions], columns)


def _of_positions(context: AttentionContext, which: str, positions: Sequence[int]) -> Sequence[str]:
    if which == "id":
        return [str(context.ids[t]) for t in positions]
    if which == "read":
        return [context.symbol(context.ids[t]) for t in positions]
    if which == "answer":
        return [context.symbol(context.answers[t][0]) for t in positions]
    columns = worked_arithmetic.loss_columns([context.answers[t][1] for t in positions])
    return columns["probability" if which == "probability" else "-ln(probability)"]


@render.register
def _(part: declared.NgramTable, context: AttentionContext) -> Iterator[Part]:
    positions = context.queries.positions
    columns = {
        f"the last {n}": [
            f"{evaluate(context, ['ngram', n, t])} {evaluate(context, ['ngram row', column, t])}"
            for t in positions
        ]
        for column, n in enumerate(part.lengths)
    }
    yield Table.of_columns(sayer(context)(part.caption), context.queries.names, columns)


@render.register
def _(part: declared.HeadsTable, context: AttentionContext) -> Iterator[Part]:
    weights = context.layer_tensor("attention.softmax weights")[:, context.followed]  # (H, T)
    shown = weights[:MAX_SHOWN, list(context.keys.positions)].tolist()
    names = [f"head {number}" for number in range(1, len(shown) + 1)]
    yield Table(
        f"weights of each head, {shape_text('H, T', weights)}"
        + (f"; the first {MAX_SHOWN} heads" if context.H > MAX_SHOWN else "")
        + context.keys.truncation,
        context.keys.headings,
        tuple(zip(names, rounded_rows(shown), strict=True)),
    )


@render.register
def _(part: declared.DotProduct, context: AttentionContext) -> Iterator[Part]:
    (left, one), (right, other) = part.left, part.right
    bias = None if part.bias is None else float(evaluate(context, part.bias))
    yield from worked_arithmetic.dot_product(
        sayer(context)(part.caption),
        (left, numbers(context, one)),
        (right, numbers(context, other)),
        bias,
    )


@render.register
def _(part: declared.WorkedNorm, context: AttentionContext) -> Iterator[Part]:
    bias = None if part.bias is None else numbers(context, part.bias)
    vector, gain = numbers(context, part.vector), numbers(context, part.gain)
    caption = sayer(context)(part.caption)
    yield from worked_norm(caption, vector, gain, bias, eps=part.eps, centres=part.centres)


@render.register
def _(part: declared.WorkedSoftmax, context: AttentionContext) -> Iterator[Part]:
    shown = (
        list(zip(context.keys.positions, context.keys.names, strict=True))
        if part.shown == "keys"
        else [(id_, context.symbol(id_)) for id_ in context.candidates]
    )
    scores = numbers(context, part.scores)
    yield from worked_arithmetic.worked_softmax(part.caption, part.heading, scores, shown)


@render.register
def _(part: declared.WeightedSum, context: AttentionContext) -> Iterator[Part]:
    weights = context.attention_weights[context.followed].tolist()
    values = context.head_tensor("value heads")[:, 0].tolist()
    multiplied = [weight * value for weight, value in zip(weights, values, strict=True)]
    rest = math.fsum(multiplied[i] for i in context.keys.omitted)
    one, other = rounded_factors(
        [weights[i] for i in context.keys.positions], [values[i] for i in context.keys.positions]
    )
    products = rounded([*(multiplied[i] for i in context.keys.positions), rest], PRODUCT)
    yield Table.of_columns(
        "weight times value",
        worked_arithmetic.with_others(context.keys.names, len(values)),
        {"weight": (*one, OMITTED), "value": (*other, OMITTED), "product": products},
    )
    yield worked_arithmetic.sum_formula(math.fsum(multiplied))


@render.register
def _(part: declared.Temperatures, context: AttentionContext) -> Iterator[Part]:
    names = [context.symbol(id_) for id_ in context.candidates]
    columns = {
        f"{temperature:g}": context.at_temperature(temperature) for temperature in part.temperatures
    }
    names = worked_arithmetic.with_others(names, len(context.answer_logits))
    yield Table.of_columns("probabilities at temperature", names, columns)


@render.register
def _(part: declared.When, context: AttentionContext) -> Iterator[Part]:
    if evaluate(context, part.condition):
        for one in part.parts:
            yield from render(one, context)


@render.register
def _(part: declared.OfThisText, context: AttentionContext) -> Iterator[Part]:
    yield part.part
