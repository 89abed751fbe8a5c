"""Arithmetic with every number written out, so that it can be redone with a calculator."""

import math
from collections.abc import Sequence

from attn_cli.inspection.lesson.blocks import Formula, Part, Table
from attn_cli.inspection.lesson.rounding import (
    FACTOR,
    OMITTED,
    PRODUCT,
    SUM,
    in_parentheses,
    rounded,
    rounded_factors,
    rounded_number,
)
from attn_cli.inspection.lesson.tables import shown_channels


def channel_names(count: int) -> list[str]:
    """A name for each shown channel of N: its number; the middle ones share a row."""
    chosen = shown_channels(count)
    hidden = count - len(chosen) + 1
    return [f"{hidden} between" if i is None else str(i) for i in chosen]


def column(numbers: Sequence[str], between: str = OMITTED) -> list[str]:
    """The shown cells of N channels; one cell stands for those in the middle."""
    return [between if i is None else numbers[i] for i in shown_channels(len(numbers))]


def summed_column(numbers: Sequence[float], decimals: int) -> list[str]:
    """The same for numbers that are added up: the middle cell holds the sum of its channels."""
    kept = {i for i in shown_channels(len(numbers)) if i is not None}
    middle = math.fsum(number for i, number in enumerate(numbers) if i not in kept)
    cells = rounded([*numbers, middle], decimals)
    return column(cells[:-1], cells[-1])


def dot_product(
    caption: str,
    left: tuple[str, Sequence[float]],
    right: tuple[str, Sequence[float]],
    bias: float | None = None,
) -> tuple[Part, ...]:
    """The dot product of two vectors under their headings: a table of products, then the sum."""
    multiplied = [a * b for a, b in zip(left[1], right[1], strict=True)]
    one, other = rounded_factors(left[1], right[1])
    columns = {
        left[0]: column(one),
        right[0]: column(other),
        "product": summed_column(multiplied, PRODUCT),
    }
    return (
        Table.of_columns(caption, channel_names(len(multiplied)), columns),
        sum_formula(math.fsum(multiplied), bias),
    )


def sum_formula(added: float, bias: float | None = None) -> Formula:
    """The sum of the products in the table above, and with the bias where there is one."""
    lines = [f"the products add up to {rounded_number(added, SUM)}"]
    if bias is not None:
        one, other = rounded([added, bias], PRODUCT)
        lines.append(
            f"with the bias, {one} + {in_parentheses(other)} = {rounded_number(added + bias, SUM)}"
        )
    return Formula(tuple(lines))


def worked_softmax(
    caption: str, heading: str, scores: Sequence[float], shown: Sequence[tuple[int, str]]
) -> tuple[Part, ...]:
    """A softmax column by column, then the sum of the exponentials.

    Each score in `shown`, by its index and name, has a row; all others share the last one.
    """
    greatest = max(scores)
    less = [score - greatest for score in scores]
    raised = [math.exp(number) for number in less]
    whole = math.fsum(raised)
    chosen = [place for place, _ in shown]
    rest = max(whole - math.fsum(raised[place] for place in chosen), 0.0)
    columns = {
        heading: (*rounded([scores[i] for i in chosen], FACTOR), OMITTED),
        "less the greatest": (*rounded([less[i] for i in chosen], FACTOR), OMITTED),
        "exp of that": rounded([*(raised[i] for i in chosen), rest], PRODUCT),
        "divided by the sum": rounded([*(raised[i] / whole for i in chosen), rest / whole], SUM),
    }
    names = with_others([name for _, name in shown], len(scores))
    return (
        Table.of_columns(caption, names, columns),
        Formula((f"the exponentials add up to {rounded_number(whole, SUM)}",)),
    )


def with_others(names: Sequence[str], count: int) -> list[str]:
    """Names of rows, with one more for all others of a count where there are others."""
    hidden = count - len(names)
    return [*names, f"the {hidden} others"] if hidden else list(names)


def loss_columns(losses: Sequence[float]) -> dict[str, Sequence[str]]:
    """Losses, each beside the probability that it comes from."""
    predicted = [math.exp(-loss) for loss in losses]
    return {
        # The logarithm of a small probability needs its leading digits, wherever these are.
        "probability": [f"{p:.{FACTOR}f}" if p >= 0.01 else f"{p:.4g}" for p in predicted],
        "-ln(probability)": rounded(losses, SUM),
    }
