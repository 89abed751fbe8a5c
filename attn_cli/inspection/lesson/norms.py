"""The norm before attention, and what is worked out of a norm by hand.

Shapes: T time (characters), C channels, D head size.
"""

from collections.abc import Iterator

from torch import nn

from attn_cli.inspection.lesson.context import LessonContext
from attn_cli.inspection.lesson.declared import Declared, VectorTable, WorkedNorm
from attn_cli.inspection.lesson.quantities import FOLLOWED, at, layer_tensor
from attn_cli.inspection.lesson.said import Expression, quoted
from attn_cli.model.norm import RMSNorm


def attention_norm(context: LessonContext) -> Iterator[Declared]:
    """The norm before attention."""
    stream = ["stream", context.layer]  # (T, C)
    if context.layer:
        before = "Layer 1 has" if context.layer == 1 else f"Layers 1 to {context.layer} have"
        yield (
            f"{before} already done to these vectors what the following steps show for layer "
            f"{context.layer + 1}, which receives:"
        )
        yield VectorTable(f"the residual stream into layer {context.layer + 1}", "T, C", stream)
    norm = context.block.attention_norm
    yield (
        "The vectors that come into a layer can be of any size, and a model learns better if every "
        "layer gets numbers of about the same size. So they are normalised first. "
        + description(norm)
        + " Each character's vector is normalised by itself."
    )
    name = context.name("attention_norm")
    yield norm_of_vector(f"the vector of {quoted(FOLLOWED)}", at(stream, FOLLOWED), norm, name)
    yield VectorTable("after the norm", "T, C", layer_tensor("attention norm"))


def norm_of_vector(caption: str, vector: Expression, norm: nn.Module, name: str) -> WorkedNorm:
    """A norm of one vector, worked out; `name` is the norm's within the model."""
    assert isinstance(norm, RMSNorm | nn.LayerNorm)
    centres = isinstance(norm, nn.LayerNorm)
    bias = ["weight", f"{name}.bias"] if getattr(norm, "bias", None) is not None else None
    return WorkedNorm(caption, vector, ["weight", f"{name}.weight"], bias, norm.eps, centres)


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
