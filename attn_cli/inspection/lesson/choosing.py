"""From the last vector to a character: final norm, logits, odds, sampling.

Shapes: T time (characters), C channels = n_embd, V vocabulary.
"""

from __future__ import annotations

import math

from attn_cli.inspection.lesson.by_hand import products, softmax
from attn_cli.inspection.lesson.decimals import FACTOR, SUM, factors, operand, written
from attn_cli.inspection.lesson.norms import by_hand
from attn_cli.inspection.lesson.scene import MOST, Scene, in_full
from attn_cli.inspection.steps import Formula, Part, Step, Table

CANDIDATES = 5  # characters whose odds are shown
TEMPERATURES = (0.5, 1.0, 2.0)


def candidates(scene: Scene) -> list[int]:
    """The ids that are likeliest to come next, the likeliest first."""
    logits = scene.seen["logits"][scene.last]
    order = logits.argsort(descending=True, stable=True).tolist()
    return [int(id_) for id_ in order[: scene.V if scene.V <= MOST else CANDIDATES]]


def logits(scene: Scene) -> Step:
    """A score for each character of the vocabulary."""
    model, last = scene.seen.model, scene.last
    best = candidates(scene)[0]
    final = scene.seen["final norm"]
    tied = (
        " In this model the rows are the embeddings of the beginning once more (tied weights): "
        "the score says how much the vector points where that character's embedding points."
        if model.config.tie_embeddings
        else ""
    )
    names = [scene.symbol(id_) for id_ in range(scene.V)]
    parts: list[Part] = [
        f"After the last layer the stream is normalised once more. Then a last linear layer has "
        f"a row of weights for each of the V = {scene.V} {scene.tokenizer.unit}s, and makes a "
        f"score for each: its logit.{tied} Every position has its logits; to go on with the "
        f"text, those of the last position count.",
        *by_hand(
            f"the vector of {scene.quoted(last)}", scene.seen.streams[-1, last], model.final_norm
        ),
        *in_full("weights of the last layer, (V, C)", model.head.weight, names),
        f"The logit of ‘{scene.symbol(best)}’, the highest:",
        *products(
            f"the row of ‘{scene.symbol(best)}’, times the vector after the norm",
            ("weight", model.head.weight[best].tolist()),
            ("vector", final[last].tolist()),
        ),
    ]
    return Step("Logits", tuple(parts))


def odds(scene: Scene) -> Step:
    """Softmax once more."""
    chosen = candidates(scene)
    rest = scene.V - len(chosen)
    return Step(
        "Odds",
        (
            "Softmax again, as in attention: e to the power of each logit, divided by the sum. "
            "The result adds up to 1 over the whole vocabulary and is the model's answer.",
            *softmax(
                f"softmax of the {scene.V} logits; the likeliest first",
                "logit",
                scene.seen["logits"][scene.last].tolist(),
                [(id_, scene.symbol(id_)) for id_ in chosen],
                f"the {rest} others",
            ),
        ),
    )


def sampling(scene: Scene) -> Step:
    """One of them is drawn."""
    chosen = candidates(scene)
    row = scene.seen["logits"][scene.last].double()
    columns = [(row / temperature).softmax(dim=-1).tolist() for temperature in TEMPERATURES]
    rest = scene.V - len(chosen)
    numbers = [
        [*(column[id_] for id_ in chosen), 1 - math.fsum(column[id_] for id_ in chosen)]
        for column in columns
    ]
    cells = [written([max(number, 0.0) for number in column], SUM) for column in numbers]
    names = [*(scene.symbol(id_) for id_ in chosen), f"the {rest} others"]
    rows = list(zip(names, zip(*cells, strict=True), strict=True))
    first, share = scene.symbol(chosen[0]), cells[1][0]
    parts: list[Part] = [
        "To write, one character is drawn by these odds. Lay them end to end from 0 to 1 and "
        f"throw a dart: ‘{first}’ is hit from 0 to {share}, and the others have the rest.",
        "Temperature makes the draw bolder or calmer: the logits are divided by it before the "
        "softmax. Below 1 the likeliest gain, above 1 the unlikely; at 0 the likeliest "
        "always wins.",
        Table(
            "odds at temperature",
            tuple(f"{temperature:g}" for temperature in TEMPERATURES),
            tuple(rows if rest else rows[:-1]),
        ),
    ]
    if len(chosen) > 1:
        one, two = (row[id_].item() for id_ in chosen[:2])
        (a, b), *_ = factors([one, two])
        parts += [
            f"How likely ‘{scene.symbol(chosen[1])}’ is for each ‘{first}’, at these temperatures:",
            Formula(
                tuple(
                    f"exp(({b} - {operand(a)}) / {temperature:g}) = "
                    f"{written([math.exp((two - one) / temperature)], SUM)[0]}"
                    for temperature in TEMPERATURES
                )
            ),
        ]
    parts.append(
        f"The drawn {scene.tokenizer.unit} is put at the end of the text, and the longer text "
        "goes through the model again. That is all that writing is."
    )
    return Step("Sampling", tuple(parts))


def learning(scene: Scene) -> Step | None:
    """What the next characters of the text itself tell."""
    if scene.T < 2:
        return None
    losses = scene.seen.losses
    places = [place for place in scene.shown if place < scene.last]
    cut = f"; {len(places)} of them" if scene.hidden else ""
    share = [math.exp(-float(losses[place])) for place in places]
    cells = zip(
        (scene.symbol(scene.seen.ids[place + 1]) for place in places),
        # The logarithm of small odds needs their first digits, wherever these are.
        (f"{odds:.{FACTOR}f}" if odds >= 0.01 else f"{odds:.4g}" for odds in share),
        written([float(losses[place]) for place in places], SUM),
        strict=True,
    )
    names = [name for name, place in zip(scene.places, scene.shown, strict=True) if place in places]
    mean = float(losses.mean())
    return Step(
        "Where the weights come from",
        (
            "Inside the text the next character is known. The loss of a position is -ln of the "
            "odds that it gave to the character that did come: 0 for certainty, more for more "
            "surprise.",
            Table(
                f"losses, (T - 1) = ({len(losses)}){cut}",
                ("next", "its odds", "-ln(odds)"),
                tuple(zip(names, cells, strict=True)),
            ),
            f"The mean over all is {written([mean], SUM)[0]}. Training shows the model such texts "
            "by the thousand, and each time moves every weight a little in the direction in "
            "which this mean falls. In a trained model, what queries ask for and what values "
            "give came about in this way and in no other.",
        ),
    )
