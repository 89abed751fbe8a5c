"""Numbers as a lesson writes them.

What is computed is written a digit shorter than what it is computed from: with factors
of 5 decimals, products of 4 and a sum of 3, a calculator that gets the written numbers
finds the written results, but for a little in the last digit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

TABLE = 3  # decimals of a number that is there to be looked at
FACTOR, PRODUCT, SUM = 5, 4, 3  # and of those in shown arithmetic

OMITTED = "…"


def written(numbers: Sequence[float], most: int = TABLE) -> tuple[str, ...]:
    """Numbers that stand together, all with `most` decimals; whole ones with none."""
    finite = [round(number, most) for number in numbers if math.isfinite(number)]
    decimals = 0 if all(number.is_integer() for number in finite) else most
    return tuple(_number(number, decimals) for number in numbers)


def factors(*columns: Sequence[float]) -> list[tuple[str, ...]]:
    """Columns of numbers to be multiplied."""
    decimals = factor_decimals(*columns)
    return [written(column, decimals) for column in columns]


def factor_decimals(*columns: Sequence[float]) -> int:
    """The decimals of numbers to be multiplied: next to large ones, all need more."""
    largest = max(abs(number) for column in columns for number in column)
    return FACTOR + len(str(int(largest))) - 1


def operand(number: str) -> str:
    """A written number after a sign: negative ones in brackets."""
    return f"({number})" if number.startswith("-") else number


def _number(number: float, decimals: int) -> str:
    if math.isinf(number):
        return "∞" if number > 0 else "-∞"
    return f"{round(number, decimals) + 0.0:.{decimals}f}"  # + 0.0: never "-0.000"
