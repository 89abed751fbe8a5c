"""How a lesson rounds its numbers, so that a calculator finds the same results.

Each result is rounded to one decimal fewer than what it is computed from: with factors of
5 decimals, products of 4 and a sum of 3, the printed numbers give the printed results,
except perhaps for the last digit.
"""

import math
from collections.abc import Sequence

TABLE = 3  # decimals of numbers that are only looked at
FACTOR, PRODUCT, SUM = 5, 4, 3  # and of those in worked arithmetic

NOISE = 1e-6  # of a forward pass in 32 bits, relative

OMITTED = "…"


def rounded(numbers: Sequence[float], most: int = TABLE) -> tuple[str, ...]:
    """Numbers that belong together, all with `most` decimals; with none if all are whole."""
    decimals = 0 if all(map(_is_whole, filter(math.isfinite, numbers))) else most
    return tuple(_number(number, decimals) for number in numbers)


def rounded_number(number: float, decimals: int) -> str:
    """A number by itself, with these decimals; with none if it is whole."""
    return rounded([number], decimals)[0]


def rounded_rows(rows: Sequence[Sequence[float]], most: int = TABLE) -> list[tuple[str, ...]]:
    """Rows of numbers that all belong together."""
    cells = iter(rounded([number for row in rows for number in row], most))
    return [tuple(next(cells) for _ in row) for row in rows]


def rounded_factors(*columns: Sequence[float]) -> list[tuple[str, ...]]:
    """Columns of numbers that will be multiplied with each other."""
    decimals = factor_decimals(*columns)
    return [rounded(column, decimals) for column in columns]


def factor_decimals(*columns: Sequence[float]) -> int:
    """The decimals that factors need: beside large ones, all need more."""
    largest = max(abs(number) for column in columns for number in column)
    return FACTOR + len(str(int(largest))) - 1


def in_parentheses(number: str) -> str:
    """A number to stand after an operator: negative ones in parentheses."""
    return f"({number})" if number.startswith("-") else number


def _is_whole(number: float) -> bool:
    """Whether it differs from a whole number by no more than 32 bits leave open."""
    return abs(number - round(number)) <= NOISE * max(1.0, abs(number))


def _number(number: float, decimals: int) -> str:
    if math.isinf(number):
        return "∞" if number > 0 else "-∞"
    return f"{round(number, decimals) + 0.0:.{decimals}f}"  # + 0.0: never "-0.000"
