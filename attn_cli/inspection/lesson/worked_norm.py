"""A norm worked out by hand for one vector."""

import math
from collections.abc import Iterator, Sequence

from attn_cli.inspection.lesson.blocks import Formula, Part, Table
from attn_cli.inspection.lesson.rounding import (
    FACTOR,
    PRODUCT,
    SUM,
    factor_decimals,
    rounded,
    rounded_number,
)
from attn_cli.inspection.lesson.shown import MAX_SHOWN
from attn_cli.inspection.lesson.worked_arithmetic import channel_names, column, summed_column


def worked_norm(
    caption: str,
    x: Sequence[float],
    gain: Sequence[float],
    bias: Sequence[float] | None,
    *,
    eps: float,
    centres: bool,
) -> Iterator[Part]:
    """A norm of one vector, step by step: a table of all columns, then mean, variance and sd."""
    mean = math.fsum(x) / len(x) if centres else 0.0
    centred = [number - mean for number in x]
    squares = [number**2 for number in centred]
    mean_square = math.fsum(squares) / len(x)
    size = math.sqrt(mean_square + eps)
    unit = [number / size for number in centred]
    scaled = [u * g for u, g in zip(unit, gain, strict=True)]
    result = scaled if bias is None else [n + b for n, b in zip(scaled, bias, strict=True)]

    more = max(0, math.ceil(-math.log10(size) - 0.5))  # decimals that small numbers need
    fine = FACTOR + more - (len(x) < MAX_SHOWN)  # of the size; a mean of many has smaller errors
    sized = "sd" if centres else "rms"
    exact = factor_decimals(x, centred) + more
    columns = {"x": summed_column(x, exact) if centres else column(rounded(x, exact))}
    if centres:
        columns["x - mean"] = column(rounded(centred, exact))
    columns["squared"] = summed_column(squares, PRODUCT + 2 * more)
    columns[f"over {sized}"] = column(rounded(unit, PRODUCT))
    columns["gain"] = column(rounded(gain, PRODUCT))
    if bias is not None:
        columns["bias"] = column(rounded(bias, PRODUCT))
    columns["result"] = column(rounded(result, SUM))

    average = rounded_number(mean_square, fine + more)
    whole = rounded_number(math.fsum(squares), PRODUCT + 2 * more)
    root = rounded_number(size, fine)
    lines = [
        f"{'variance' if centres else 'mean square'} = {whole} / {len(x)} = {average}",
        f"{sized} = √({average} + {eps:.{5 if centres else 6}f}) = {root}",
    ]
    if centres:
        added, middle = rounded([math.fsum(x), mean], exact)
        lines.insert(0, f"mean = {added} / {len(x)} = {middle}")
    yield Table.of_columns(caption, channel_names(len(x)), columns)
    yield Formula(tuple(lines))
