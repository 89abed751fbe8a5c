"""What the expressions of a lesson stand for, in one forward pass.

The page evaluates the same expressions in `lesson_text.js` and `lesson_pair.js`.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch

from attn_cli.inspection.lesson import rounding
from attn_cli.inspection.lesson.attention_context import AttentionContext
from attn_cli.inspection.lesson.context import LessonContext
from attn_cli.inspection.lesson.pair_context import PairContext
from attn_cli.inspection.lesson.said import Expression, joined, say

# Expressions that several steps use.
T, FOLLOWED, TOP_KEY = "T", "followed", "top_key"
WEIGHTS: Expression = ["head", "softmax weights"]
CUT = say("cut")  # the end of a caption where a table shows only some of the text
ITSELF: Expression = ["=", TOP_KEY, FOLLOWED]


def layer_tensor(operation: str) -> Expression:
    """A tensor of the layer, (T, C)."""
    return ["layer", operation]


def head_tensor(operation: str) -> Expression:
    """A tensor of the head, (T, D) or (T, T)."""
    return ["head", operation]


def at(numbers: Expression, *indices: Expression) -> Expression:
    """A row of a matrix, or a number of a row."""
    for index in indices:
        numbers = ["at", numbers, index]
    return numbers


def evaluate(context: AttentionContext, expression: Expression) -> Any:
    """The value: a tensor, a number, a string or whether something holds."""
    if isinstance(expression, str):
        return _named(context, expression)
    if not isinstance(expression, list):
        return expression
    operation, *arguments = expression
    return OPERATIONS[operation](context, *arguments)


def numbers(context: AttentionContext, expression: Expression) -> list[Any]:
    """A row of numbers, or rows of them."""
    values: list[Any] = evaluate(context, expression).tolist()
    return values


def _float(context: AttentionContext, expression: Expression) -> float:
    return float(evaluate(context, expression))


def _arithmetic(operate: Callable[..., Any]) -> Callable[..., Any]:
    def operation(context: AttentionContext, *arguments: Expression) -> Any:
        values = (evaluate(context, argument) for argument in arguments)
        return operate(*(float(v) if isinstance(v, torch.Tensor) else v for v in values))

    return operation


def _at(context: AttentionContext, of: Expression, index: Expression) -> Any:
    return evaluate(context, of)[int(evaluate(context, index))]


def _sum(context: AttentionContext, row: Expression, start: Expression, end: Expression) -> float:
    first, last = (int(evaluate(context, one)) for one in (start, end))
    return float(evaluate(context, row)[first:last].sum())


def _rounded(context: AttentionContext, group: list[Expression], decimals: int, place: int) -> str:
    return rounding.rounded([_float(context, one) for one in group], decimals)[place]


def _factors(context: AttentionContext, group: list[Expression], place: int) -> str:
    return rounding.rounded_factors([_float(context, one) for one in group])[0][place]


def _if(context: AttentionContext, condition: Expression, yes: list[Any], no: list[Any]) -> str:
    chosen = yes if evaluate(context, condition) else no
    return joined(chosen, lambda expression: evaluate(context, expression))


def _of_text(operate: Callable[..., Any]) -> Callable[..., Any]:
    """An operation on the one text of a lesson; the values of its arguments are whole numbers."""

    def operation(context: AttentionContext, *arguments: Expression) -> Any:
        assert isinstance(context, LessonContext)  # a pair has two texts
        return operate(context, *(int(evaluate(context, argument)) for argument in arguments))

    return operation


def _named(context: AttentionContext, name: str) -> Any:
    if name in OF_EVERY_LESSON:
        return OF_EVERY_LESSON[name](context)
    if isinstance(context, PairContext):
        return OF_A_PAIR[name](context)
    assert isinstance(context, LessonContext)
    return OF_ONE_TEXT[name](context)


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    # Numbers of the forward pass and of the model.
    "activation": lambda context, name: context.activations[name],
    "stream": lambda context, after: context.activations.residual_stream[after],
    "layer": lambda context, name: context.layer_tensor(name),
    "head": lambda context, name: context.head_tensor(name),
    "weight": lambda context, name: context.model.get_parameter(name).detach(),
    "at": _at,
    # Made of them.
    "+": _arithmetic(lambda a, b: a + b),
    "-": _arithmetic(lambda a, b: a - b),
    "*": _arithmetic(lambda a, b: a * b),
    "/": _arithmetic(lambda a, b: a / b),
    "cube": _arithmetic(lambda a: a**3),
    "exp": _arithmetic(math.exp),
    "cos": _arithmetic(math.cos),
    "sin": _arithmetic(math.sin),
    "joined": lambda context, rows: evaluate(context, rows).flatten(),
    "sum": _sum,
    "argmax": lambda context, row: int(evaluate(context, row).argmax()),
    "argmax of sizes": lambda context, row: int(evaluate(context, row).abs().argmax()),
    # Whether something holds.
    "<": _arithmetic(lambda a, b: a < b),
    "=": _arithmetic(lambda a, b: a == b),
    # What is written.
    "rounded": _rounded,
    "factors": _factors,
    "fixed": lambda context, one, decimals: f"{_float(context, one):.{decimals}f}",
    "parentheses": lambda context, one: rounding.in_parentheses(evaluate(context, one)),
    "quoted": _of_text(LessonContext.quoted),
    "ngram": _of_text(LessonContext.ngram),
    "ngram row": _of_text(lambda context, n, t: int(context.activations["n-gram rows"][t, n])),
    "ngram number": _of_text(LessonContext.ngram_number),
    "symbol": lambda context, id_: context.symbol(evaluate(context, id_)),
    "if": _if,
}

OF_EVERY_LESSON: Mapping[str, Callable[[AttentionContext], Any]] = {
    "T": lambda context: len(context.queries.symbols),
    "followed": lambda context: context.followed,
    "top_key": lambda context: context.top_key,
    "ids": lambda context: context.ids,
    "shown": lambda context: len(context.queries.positions),
    "cut": lambda context: context.queries.truncation,
    "answer": lambda context: context.answer_logits,
    "best": lambda context: context.candidates[0],
    "second": lambda context: context.candidates[1],
    "drawn": lambda context: context.at_temperature(1.0)[0],
    "answers": lambda context: len(context.answers),
    "shown answers": lambda context: len(set(context.queries.positions) & set(context.answers)),
    "mean loss": lambda context: context.mean_loss,
}

OF_ONE_TEXT: Mapping[str, Callable[[LessonContext], Any]] = {
    "first shown": lambda context: context.keys.positions[0],
    "top key is apart": lambda context: context.top_key_is_apart,
    "commonest": lambda context: context.commonest[0],
    "times": lambda context: context.commonest[1],
    "ties": lambda context: context.ties,
    "visible scores": lambda context: context.visible_scores,
    "without mask": lambda context: context.weights_without_mask,
    "with mask": lambda context: context.weights_with_mask,
    "filled n-grams": lambda context: int(
        context.activations["n-gram embeddings"][context.followed].any(dim=-1).sum()
    ),
}

OF_A_PAIR: Mapping[str, Callable[[PairContext], Any]] = {
    "S": lambda context: len(context.source),
    "source ids": lambda context: context.source_ids,
    "target ids": lambda context: context.target_ids,
    "source text": lambda context: "".join(context.source[:-1]),
    "target text": lambda context: "".join(context.read[1:]),
    "written": lambda context: "".join(context.target[: context.followed]),
}
