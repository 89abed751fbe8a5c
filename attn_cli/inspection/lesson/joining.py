"""From heads back to the stream: the other heads, merge, projection, residual.

Shapes: T time (characters), C channels = n_embd, H heads, D head size = C / H.
"""

from __future__ import annotations

import torch

from attn_cli.inspection.lesson.by_hand import products
from attn_cli.inspection.lesson.decimals import FACTOR, SUM, operand, written
from attn_cli.inspection.lesson.scene import MOST, Scene, in_full, shape
from attn_cli.inspection.steps import Formula, Part, Step, Table


def other_heads(scene: Scene) -> Step | None:
    """Where else this layer looks, from the same character."""
    if scene.H == 1:
        return None
    weights = scene.of_layer("attention.softmax weights")  # (H, T, T)
    heads = range(min(scene.H, MOST))
    cells = iter(
        written(
            [n for head in heads for n in weights[head, scene.last, list(scene.shown)].tolist()]
        )
    )
    parts: list[Part] = [
        f"At the same time the other heads of this layer do the same with queries, keys and "
        f"values of their own. Where each looks from {scene.quoted(scene.last)}:",
        Table(
            f"weights of the last row, {shape('H, T', weights[:, scene.last])}"
            + (f"; the first {MOST} heads" if scene.H > MOST else "")
            + scene.cut,
            scene.heads_of_columns,
            tuple((f"head {head + 1}", tuple(next(cells) for _ in scene.shown)) for head in heads),
        ),
        "A weight says how much of a value is taken, not what is in it, nor what the rest of "
        "the model makes of it. Attention weights alone do not explain a prediction.",
    ]
    return Step("The other heads", tuple(parts))


def merged(scene: Scene) -> Step:
    """The heads side by side again, and a linear layer over all of them."""
    projection = scene.attention.projection
    assert projection is not None
    whole = scene.of_layer("attention.merged heads")
    bias = projection.bias
    parts: list[Part] = [
        f"What the {scene.H} heads hand over is put side by side again, head 1 first: "
        f"{scene.H} × {scene.D} = {scene.C} channels. "
        if scene.H > 1
        else "With one head there is nothing to put side by side. ",
        scene.vectors("merged heads" if scene.H > 1 else "what the head hands over", "T, C", whole),
        "One more linear layer, the projection, mixes all of them, so that what one head found "
        "can reach every channel.",
        *in_full("weights of the projection, (C, C)", projection.weight),
        f"Its channel 0 for {scene.quoted(scene.last)}:",
        *products(
            "row 0 of the projection's weights, times the merged heads",
            ("weight", projection.weight[0].tolist()),
            ("merged", whole[scene.last].tolist()),
            None if bias is None else bias[0].item(),
        ),
        scene.vectors("after the projection", "T, C", scene.of_layer("attention.projection")),
    ]
    return Step("Merge and projection", tuple(parts))


def residual(scene: Scene) -> Step:
    """What attention found is added."""
    return Step(
        "Added to the stream",
        (
            "The result does not replace the vectors that came into the layer, from before the "
            "norm: it is added to them. So nothing has to be carried through attention to be "
            "kept, and each part of the model only adds its share. What runs through all "
            "layers in this way is called the residual stream.",
            *added(scene, scene.seen.streams[scene.layer], "attention.projection", "attention"),
        ),
    )


def added(scene: Scene, before: torch.Tensor, addition: str, part: str) -> tuple[Part, ...]:
    """A sum by hand, channel 0 of the followed character, and all of it."""
    after = scene.of_layer(f"{part} residual")
    last = scene.last
    one, other = written([float(before[last, 0]), float(scene.of_layer(addition)[last, 0])], FACTOR)
    both = written([float(after[last, 0])], SUM)[0]
    return (
        f"Channel 0 of {scene.quoted(last)}:",
        Formula((f"{one} + {operand(other)} = {both}",)),
        scene.vectors(f"the stream after {part}", "T, C", after),
    )
