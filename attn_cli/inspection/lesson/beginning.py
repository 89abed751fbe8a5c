"""From a text to vectors: characters, ids, embeddings, positions.

Shapes: B batch, T time (characters), C channels = n_embd, H heads, D head size,
F feed-forward width, V vocabulary, L layers.
"""

from __future__ import annotations

from collections import Counter

from attn_cli.inspection.lesson.decimals import PRODUCT, factors, operand, written
from attn_cli.inspection.lesson.scene import MOST, Scene, in_full
from attn_cli.inspection.steps import Formula, Part, Step, Table
from attn_cli.model.position import LearnedPosition, SinusoidalPosition


def question(scene: Scene, foreword: str) -> Step:
    """What the whole is for, and the letters that name its sizes."""
    unit = scene.tokenizer.unit
    legend = (
        ("B", 1, "texts side by side; here there is one, and its axis is left out"),
        ("T", scene.T, f"{unit}s of the text"),
        ("C", scene.C, f"channels: how many numbers stand for one {unit}"),
        ("H", scene.H, "heads: attentions that run side by side in a layer"),
        ("D", scene.D, "head size: C / H, the numbers that one head works with"),
        ("F", scene.F, "width of the feed-forward part"),
        ("V", scene.V, f"vocabulary: {unit}s that the model knows"),
        ("L", scene.L, "layers"),
    )
    parts: list[Part] = [
        f"A language model answers one question: what comes next? It reads a text and gives "
        f"odds to each of the {scene.V} {unit}s that it knows. This lesson follows one text "
        f"through all that happens on the way. Every number below is from one real forward pass "
        f"of this model.",
        *([foreword] if foreword else []),
        Table(
            "the sizes of this model and text",
            ("here", "what it counts"),
            tuple((letter, (str(size), meaning)) for letter, size, meaning in legend),
        ),
        f"Attention is followed in layer {scene.layer + 1} of {scene.L}, "
        f"head {scene.head + 1} of {scene.H}. "
        "Layers and heads count from 1; positions, ids and channels count from 0, as in code.",
        "All numbers are rounded. Where arithmetic is shown, the numbers that go in have more "
        "digits than the one that comes out, so that a calculator finds the same; only the last "
        "digit may differ a little.",
    ]
    return Step("What comes next?", tuple(parts))


def ids(scene: Scene) -> Step:
    """Characters to numbers."""
    unit = scene.tokenizer.unit
    vocabulary = {
        "printable": "Python's list of printable characters",
        "corpus": "the sorted list of the characters that it knows",
        "bytes": "the 256 bytes that every text can be written with in UTF-8",
    }[scene.tokenizer.kind]
    rows = tuple(
        (name, (str(scene.seen.ids[place]),))
        for name, place in zip(scene.places, scene.shown, strict=True)
    )
    parts: list[Part] = [
        f"A model can only calculate, so each {unit} becomes a number: its place in the "
        f"vocabulary, which is {vocabulary}. The number is called its id. It is a name and not "
        "an amount: a larger id is not more of anything."
        + " Where this lesson says character, read byte."
        * (unit == "byte"),
        Table(f"position, {unit} and id, (T) = ({scene.T}){scene.cut}", ("id",), rows),
    ]
    if scene.hidden:
        far = ", and the one that the last looks at most" * (scene.key < scene.T - MOST)
        parts.append(
            f"The text has {scene.T} {unit}s. Tables show {len(scene.shown)} of them, the last "
            f"ones{far}; the model works on all."
        )
    return Step("From characters to ids", tuple(parts))


def embeddings(scene: Scene) -> Step:
    """Ids to vectors."""
    weight = scene.seen.model.token_embedding.weight
    symbols = [f"{id_} {scene.symbol(id_)}" for id_ in range(scene.V)] if scene.V <= MOST else []
    parts: list[Part] = [
        f"Each id picks a row of a table that has V = {scene.V} rows of C = {scene.C} numbers. "
        f"The row is the embedding of the {scene.tokenizer.unit}, a vector. "
        "The numbers of the table are parameters: they belong to the model, whatever the text, "
        "and they are what training adjusts. More such tables will follow.",
        *in_full("the table of embeddings, (V, C)", weight, symbols),
        scene.vectors("embeddings of the text", "T, C", scene.seen["token embedding"]),
    ]
    id_, count = Counter(scene.seen.ids).most_common(1)[0]
    if count > 1:
        parts.append(
            f"The text has ‘{scene.symbol(id_)}’ {count} times, each time with the same numbers: "
            "an embedding knows nothing of what is around it. To change that is what "
            "attention is for."
        )
    return Step("Embeddings", tuple(parts))


def positions(scene: Scene) -> Step:
    """Where each character stands."""
    module = scene.seen.model.position_embedding
    why = (
        "Attention will compare characters by their vectors alone. These do not say yet where a "
        "character stands: ‘ab’ and ‘ba’ are the same two vectors. "
    )
    if module is None:
        rotary = scene.seen.model.config.position == "rope"
        how = (
            "Many models add a vector for the position here. This one does not: it turns the "
            "queries and keys instead, inside attention, and the lesson comes to it there."
            if rotary
            else "Most models add a vector for the position here. This one adds none: all that "
            "it can know of the order is that attention sees no later characters."
        )
        return Step("Positions", (why + how,))
    token, position = scene.seen["token embedding"], scene.seen["position embedding"]
    if isinstance(module, LearnedPosition):
        how = (
            "So each position has a vector of its own too, a row of a second learned table, "
            f"which ends at position {scene.seen.model.config.block_size - 1}. The two vectors "
            "are added, channel by channel."
        )
    else:
        how = (
            "So each position has a vector of its own too. It is not learned: channel 2i is "
            "sin(t / 10000^(2i / C)) and channel 2i + 1 the cosine of the same, waves that get "
            "longer from pair to pair. The two vectors are added, channel by channel."
        )
    parts: list[Part] = [
        why + how,
        scene.vectors("vectors of the positions", "T, C", position),
    ]
    if isinstance(module, SinusoidalPosition):
        sine, cosine = written(position[scene.last, :2].tolist())
        lines = (f"sin({scene.last}) = {sine}", f"cos({scene.last}) = {cosine}")
        parts += [f"Position {scene.last}, channels 0 and 1, in radians:", Formula(lines)]
    parts.append(scene.vectors("their sum", "T, C", scene.seen["token + position"]))
    (one, other), *_ = factors([float(token[scene.last, 0]), float(position[scene.last, 0])])
    both = written([float(scene.seen["token + position"][scene.last, 0])], PRODUCT)[0]
    parts += [
        f"Channel 0 of {scene.quoted(scene.last)}:",
        Formula((f"{one} + {operand(other)} = {both}",)),
    ]
    return Step("Positions", tuple(parts))
