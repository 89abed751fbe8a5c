"""Norms, worked out for one vector.

Shapes: T time (characters), C channels, D head size.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from attn_cli.inspection.lesson.by_hand import down, row_names, summed
from attn_cli.inspection.lesson.decimals import FACTOR, PRODUCT, SUM, factor_decimals, written
from attn_cli.inspection.lesson.scene import MOST, Scene
from attn_cli.inspection.steps import Formula, Part, Step, Table
from attn_cli.model.norm import RMSNorm


def attention_norm(scene: Scene) -> Step:
    """The norm before attention."""
    stream = scene.seen.streams[scene.layer]  # (T, C)
    parts: list[Part] = []
    if scene.layer:
        before = "Layer 1 has" if scene.layer == 1 else f"Layers 1 to {scene.layer} have"
        parts += [
            f"{before} already done to these vectors what the following steps show for layer "
            f"{scene.layer + 1}, which receives:",
            scene.vectors(f"the stream into layer {scene.layer + 1}", "T, C", stream),
        ]
    norm = scene.block.attention_norm
    parts.append(
        "What comes into a layer can be of any size, and a model learns better if every layer "
        "gets numbers of about the same size. "
        + meaning(norm)
        + " Each character's vector is treated by itself."
    )
    parts += by_hand(f"the vector of {scene.quoted(scene.last)}", stream[scene.last], norm)
    parts.append(scene.vectors("after the norm", "T, C", scene.of_layer("attention norm")))
    return Step("The norm", tuple(parts))


def meaning(norm: nn.Module) -> str:
    """What a norm does, in two sentences."""
    if isinstance(norm, RMSNorm):
        return (
            "RMSNorm divides a vector by its root mean square (rms, the root of the mean of its "
            "squares), and then multiplies each channel by a learned gain."
        )
    assert isinstance(norm, nn.LayerNorm)
    learned = "a learned gain" + (" and adds a learned bias" if norm.bias is not None else "")
    return (
        "LayerNorm subtracts the vector's mean and divides by its standard deviation (sd, the "
        "root of the mean of the squares that are then left), so that the numbers have mean 0 "
        f"and variance 1. Then it multiplies each channel by {learned}."
    )


def by_hand(caption: str, vector: torch.Tensor, norm: nn.Module) -> tuple[Part, ...]:
    """A norm of one vector, every column of the arithmetic."""
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
    fine = FACTOR + more - (len(x) < MOST)  # of the size; a mean of many has smaller errors
    sized = "sd" if centres else "rms"
    exact = factor_decimals(x, centred) + more
    columns = [("x", summed(x, exact) if centres else down(written(x, exact)))]
    if centres:
        columns.append(("x - mean", down(written(centred, exact))))
    columns += [
        ("squared", summed(squares, PRODUCT + 2 * more)),
        (f"over {sized}", down(written(unit, PRODUCT))),
        ("gain", down(written(gain, PRODUCT))),
    ]
    if bias is not None:
        columns.append(("bias", down(written(bias, PRODUCT))))
    columns.append(("result", down(written(result, SUM))))

    average = written([mean_square], fine + more)[0]
    whole = written([math.fsum(squares)], PRODUCT + 2 * more)[0]
    lines = [
        f"{'variance' if centres else 'mean square'} = {whole} / {len(x)} = {average}",
        f"{sized} = √({average} + {norm.eps:.{5 if centres else 6}f}) = {written([size], fine)[0]}",
    ]
    if centres:
        added, middle = written([math.fsum(x), mean], exact)
        lines.insert(0, f"mean = {added} / {len(x)} = {middle}")
    cells = zip(*(column for _, column in columns), strict=True)
    rows = tuple(zip(row_names(len(x)), cells, strict=True))
    return Table(caption, tuple(heading for heading, _ in columns), rows), Formula(tuple(lines))
