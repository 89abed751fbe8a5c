"""The feed-forward part, and the layers that follow.

Shapes: T time (characters), C channels = n_embd, F feed-forward width, L layers.
"""

from __future__ import annotations

from attn_cli.inspection.lesson.by_hand import products
from attn_cli.inspection.lesson.decimals import PRODUCT, SUM, factors, operand, written
from attn_cli.inspection.lesson.joining import added
from attn_cli.inspection.lesson.norms import by_hand
from attn_cli.inspection.lesson.scene import MOST, Scene, in_full, matrix, shape
from attn_cli.inspection.steps import Formula, Part, Step
from attn_cli.model.feed_forward import GeluFeedForward, SwiGluFeedForward


def norm_again(scene: Scene) -> Step:
    """The norm before the feed-forward part."""
    stream, last = scene.of_layer("attention residual"), scene.last
    return Step(
        "The norm again",
        (
            "Before the second half of the layer the stream is normalised, as before the first, "
            "with a gain of its own. Only what goes into the next part is normalised; the stream "
            "itself stays as it is.",
            *by_hand(
                f"the vector of {scene.quoted(last)}", stream[last], scene.block.feed_forward_norm
            ),
            scene.vectors("after the norm", "T, C", scene.of_layer("feed-forward norm")),
        ),
    )


def feed_forward(scene: Scene) -> Step:
    """Wide, bent, narrow, for each character alone."""
    module = scene.block.feed_forward
    intro = (
        "Attention moved information between characters. The feed-forward part works on each "
        "character alone, with what it has gathered. "
    )
    if isinstance(module, SwiGluFeedForward):
        parts = _swiglu(scene, module, intro)
    else:
        assert isinstance(module, GeluFeedForward)
        parts = _gelu(scene, module, intro)
    down = module.down
    count = "third" if isinstance(module, SwiGluFeedForward) else "second"
    parts += [
        f"A {count} linear layer, down, makes C = {scene.C} channels of these F = {scene.F}.",
        *in_full("weights of down, (C, F)", down.weight),
        _rows(scene, f"after down, (C) = ({scene.C})", {"down": "down"}),
    ]
    return Step("Feed-forward", tuple(parts))


def _gelu(scene: Scene, module: GeluFeedForward, intro: str) -> list[Part]:
    up, bent = scene.of_layer("feed-forward.up"), scene.of_layer("feed-forward.gelu")
    last = scene.last
    unit = int(bent[last].argmax())
    inner = up[last, unit].item()
    x = factors([inner])[0][0]
    curve = 0.79788 * (inner + 0.044715 * inner**3)
    return [
        intro + f"A linear layer, up, makes F = {scene.F} numbers of the C = {scene.C}. Each is a "
        "detector: large if the vector has what its row of weights looks for. GELU bends these "
        "numbers: it lets large ones through and holds negative ones near 0. Without a bend, "
        "two linear layers in a row could do no more than one.",
        *in_full("weights of up, (F, C)", module.up.weight),
        f"For {scene.quoted(last)} the strongest of the {scene.F} is number {unit}:",
        *products(
            f"row {unit} of up's weights, times the vector after the norm",
            ("weight", module.up.weight[unit].tolist()),
            ("vector", scene.of_layer("feed-forward norm")[last].tolist()),
            None if module.up.bias is None else module.up.bias[unit].item(),
        ),
        "GELU of x is x / 2 × (1 + tanh(√(2 / π) × (x + 0.044715 x³))), and √(2 / π) = 0.79788:",
        Formula(
            (
                f"0.79788 × ({x} + 0.044715 × {operand(x)}^3) = {written([curve], PRODUCT)[0]}",
                f"{x} / 2 × (1 + tanh({written([curve], PRODUCT)[0]})) = "
                f"{written([float(bent[last, unit])], SUM)[0]}",
            )
        ),
        _rows(scene, f"inside, (F) = ({scene.F})", {"up": "up", "gelu": "GELU"}),
    ]


def _swiglu(scene: Scene, module: SwiGluFeedForward, intro: str) -> list[Part]:
    last = scene.last
    gate, up = scene.of_layer("feed-forward.gate"), scene.of_layer("feed-forward.up")
    silu, gated = scene.of_layer("feed-forward.silu"), scene.of_layer("feed-forward.gate * up")
    unit = int(gated[last].abs().argmax())
    ((g, full, u),) = factors([tensor[last, unit].item() for tensor in (gate, silu, up)])
    opened = written([silu[last, unit].item()], PRODUCT)[0]
    return [
        intro + f"Two linear layers, gate and up, make F = {scene.F} numbers each of the "
        f"C = {scene.C}. The first are bent by SiLU, which lets large numbers through and holds "
        "negative ones near 0; then each is multiplied with its number of up. So a gate decides "
        "how much of a number passes. This is called SwiGLU. Without a bend, linear layers in a "
        "row could do no more than one.",
        *in_full("weights of gate, (F, C)", module.gate.weight),
        *in_full("weights of up, (F, C)", module.up.weight),
        f"For {scene.quoted(last)} the number that comes out strongest is {unit} of the "
        f"{scene.F}. Its gate:",
        *products(
            f"row {unit} of gate's weights, times the vector after the norm",
            ("weight", module.gate.weight[unit].tolist()),
            ("vector", scene.of_layer("feed-forward norm")[last].tolist()),
        ),
        f"SiLU of x is x / (1 + exp(-x)). Then times its number of up, {u}:",
        Formula(
            (
                f"{g} / (1 + exp(-{operand(g)})) = {opened}",
                f"{full} × {operand(u)} = {written([gated[last, unit].item()], SUM)[0]}",
            )
        ),
        _rows(
            scene,
            f"inside, (F) = ({scene.F})",
            {"gate": "gate", "silu": "SiLU", "up": "up", "gate * up": "SiLU × up"},
        ),
    ]


def _rows(scene: Scene, what: str, operations: dict[str, str]) -> Part:
    """The followed character's numbers in each of some operations, by their names."""
    rows = [scene.of_layer(f"feed-forward.{name}")[scene.last].tolist() for name in operations]
    return matrix(f"{scene.quoted(scene.last)} {what}", list(operations.values()), rows)


def residual(scene: Scene) -> Step:
    """What feed-forward found is added."""
    return Step(
        "Added again",
        (
            "This too is added to the stream, and with it the layer is done.",
            *added(
                scene, scene.of_layer("attention residual"), "feed-forward.down", "feed-forward"
            ),
        ),
    )


def again(scene: Scene) -> Step:
    """The other layers."""
    streams = scene.seen.streams[:, scene.last]  # (L + 1, C)
    chosen = list(range(scene.L + 1))
    if scene.L + 1 > MOST:
        chosen = [*range(MOST - 1), scene.L]
    names = ["before layer 1", *(f"after layer {number + 1}" for number in range(scene.L))]
    table = matrix(
        f"the stream of {scene.quoted(scene.last)}, {shape('L + 1, C', streams)}"
        + ("; some of them" if len(chosen) <= scene.L else ""),
        [names[i] for i in chosen],
        [streams[i].tolist() for i in chosen],
    )
    if scene.L == 1:
        text = (
            "Larger models do all this many times over, each layer with weights of its own, on "
            "what the layers before have added. This model has one layer."
        )
    else:
        text = (
            f"All this happens {scene.L} times, once in each layer, with the same steps and other "
            "weights. A later layer works on what earlier ones have added: its heads can look "
            "for what no single character says, such as a word."
        )
    return Step("And again", (text, table) if scene.L > 1 else (text,))
