"""The norm before attention, and a norm worked out by hand for one vector.

Shapes: T time (characters), C channels, D head size.
"""

import math
from collections.abc import Iterator

import torch
from torch import nn

from attn_cli.inspection.lesson.blocks import Formula, Part, Table
from attn_cli.inspection.lesson.context import MAX_SHOWN, LessonContext
from attn_cli.inspection.lesson.rounding import (
    FACTOR,
    PRODUCT,
    SUM,
    factor_decimals,
    rounded,
    rounded_number,
)
from attn_cli.inspection.lesson.worked_arithmetic import channel_names, column, summed_column
from attn_cli.model.norm import RMSNorm


def attention_norm(context: LessonContext) -> Iterator[Part]:
    """The norm before attention."""
    stream = context.activations.residual_stream[context.layer]  # (T, C)
    if context.layer:
        before = "Layer 1 has" if context.layer == 1 else f"Layers 1 to {context.layer} have"
        yield (
            f"{before} already done to these vectors what the following steps show for layer "
            f"{context.layer + 1}, which receives:"
        )
        yield context.vector_table(
            f"the residual stream into layer {context.layer + 1}", "T, C", stream
        )
    norm = context.block.attention_norm
    yield (
        "The vectors that come into a layer can be of any size, and a model learns better if every "
        "layer gets numbers of about the same size. So they are normalised first. "
        + description(norm)
        + " Each character's vector is normalised by itself."
    )
    yield from worked_norm(
        f"the vector of {context.quoted(context.followed)}", stream[context.followed], norm
    )
    yield context.vector_table("after the norm", "T, C", context.layer_tensor("attention norm"))


def description(norm: nn.Module) -> str:
    """A sentence or two on what this kind of norm does."""
    if isinstance(norm, RMSNorm):
        return (
            "RMSNorm divides a vector by its root mean square (rms, the root of the mean of its "
            "squares), and then multiplies each channel by a learned gain."
        )
    assert isinstance(norm, nn.LayerNorm)
    learned = "a learned gain" + (" and adds a learned bias" if norm.bias is not None else "")
    return (
        "LayerNorm subtracts the vector's mean and divides by its standard deviation (sd, the root "
        "of the mean of the squared differences from the mean), so that the numbers have mean 0 "
        f"and variance 1. Then it multiplies each channel by {learned}."
    )


def worked_norm(caption: str, vector: torch.Tensor, norm: nn.Module) -> Iterator[Part]:
    """A norm of one vector, step by step: a table of all columns, then mean, variance and sd."""
    assert isinstance(norm, RMSNorm | nn.LayerNorm)
    x, gain = vector.tolist(), norm.weight.tolist()
    centres = isinstance(norm, nn.LayerNorm)
    bias = norm.bias.tolist() if isinstance(norm, nn.LayerNorm) and norm.bias is not None else None

    mean = math.fsum(x) / len(x) if centres else 0.0
    centred = [number - mean for number in x]
    squares = [number**2 for number in centred]
    mean_square = math.fsum(squares) / len(x)
    size = math.sqrt(mean_square + norm.eps)
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
        f"{sized} = √({average} + {norm.eps:.{5 if centres else 6}f}) = {root}",
    ]
    if centres:
        added, middle = rounded([math.fsum(x), mean], exact)
        lines.insert(0, f"mean = {added} / {len(x)} = {middle}")
    yield Table.of_columns(caption, channel_names(len(x)), columns)
    yield Formula(tuple(lines))
