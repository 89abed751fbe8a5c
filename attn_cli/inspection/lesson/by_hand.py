"""Arithmetic with every number written out, so that it can be redone with a calculator."""

from __future__ import annotations

import math
from collections.abc import Sequence

from attn_cli.inspection.lesson.decimals import (
    FACTOR,
    OMITTED,
    PRODUCT,
    SUM,
    factors,
    operand,
    written,
)
from attn_cli.inspection.lesson.scene import channels
from attn_cli.inspection.steps import Formula, Part, Table


def row_names(count: int) -> list[str]:
    """What the rows of N channels are called: their numbers, the middle ones together."""
    chosen = channels(count)
    hidden = count - len(chosen) + 1
    return [f"{hidden} between" if i is None else str(i) for i in chosen]


def down(numbers: Sequence[str], between: str = OMITTED) -> list[str]:
    """A column of N channels, the middle ones as one cell."""
    return [between if i is None else numbers[i] for i in channels(len(numbers))]


def summed(numbers: Sequence[float], decimals: int) -> list[str]:
    """The same for numbers that are added up: the middle cell is what those ones add."""
    kept = {i for i in channels(len(numbers)) if i is not None}
    middle = math.fsum(number for i, number in enumerate(numbers) if i not in kept)
    cells = written([*numbers, middle], decimals)
    return down(cells[:-1], cells[-1])


def products(
    caption: str,
    left: tuple[str, Sequence[float]],
    right: tuple[str, Sequence[float]],
    bias: float | None = None,
) -> tuple[Part, ...]:
    """Two vectors, multiplied number by number and added up.

    Args:
        caption: What is multiplied.
        left: A name, and its numbers.
        right: The same.
        bias: Added at the end.
    """
    multiplied = [a * b for a, b in zip(left[1], right[1], strict=True)]
    one, other = factors(left[1], right[1])
    cells = zip(down(one), down(other), summed(multiplied, PRODUCT), strict=True)
    rows = tuple(zip(row_names(len(multiplied)), cells, strict=True))
    return (
        Table(caption, (left[0], right[0], "product"), rows),
        total(math.fsum(multiplied), bias),
    )


def total(added: float, bias: float | None = None) -> Formula:
    """What the products above it add up to."""
    lines = [f"the products add up to {written([added], SUM)[0]}"]
    if bias is not None:
        one, other = written([added, bias], PRODUCT)
        lines.append(f"with the bias, {one} + {operand(other)} = {written([added + bias], SUM)[0]}")
    return Formula(tuple(lines))


def softmax(
    caption: str,
    heading: str,
    scores: Sequence[float],
    shown: Sequence[tuple[int, str]],
    others: str,
) -> tuple[Part, ...]:
    """A softmax with all that it takes.

    Args:
        caption: What it is made of.
        heading: What its scores are.
        scores: One for each choice.
        shown: Which of them have a row, and what the row is called.
        others: What the row of all others is called, where there are others.
    """
    greatest = max(scores)
    less = [score - greatest for score in scores]
    raised = [math.exp(number) for number in less]
    whole = math.fsum(raised)
    chosen = [place for place, _ in shown]
    rest = whole - math.fsum(raised[place] for place in chosen)
    cells = [
        (*written([scores[i] for i in chosen], FACTOR), OMITTED),
        (*written([less[i] for i in chosen], FACTOR), OMITTED),
        written([*(raised[i] for i in chosen), max(rest, 0.0)], PRODUCT),
        written([*(raised[i] / whole for i in chosen), max(rest, 0.0) / whole], SUM),
    ]
    rows = list(zip([*(name for _, name in shown), others], zip(*cells, strict=True), strict=True))
    return (
        Table(
            caption,
            (heading, "less the greatest", "exp of that", "divided by the sum"),
            tuple(rows[: len(shown) + (len(scores) > len(shown))]),
        ),
        Formula((f"the exps add up to {written([whole], SUM)[0]}",)),
    )
