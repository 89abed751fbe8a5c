"""The heart of it: scores, mask, softmax, and the mix of values.

Shapes: T time (characters), D head size.
"""

from __future__ import annotations

import math

import torch

from attn_cli.inspection.lesson.by_hand import products, softmax, total
from attn_cli.inspection.lesson.decimals import FACTOR, OMITTED, PRODUCT, SUM, factors, written
from attn_cli.inspection.lesson.scene import Scene
from attn_cli.inspection.steps import Formula, Part, SideBySide, Step, Table

TIE = 1e-5  # weights that differ by less are the same
SHARE = 2  # decimals of weights where two tables stand side by side


def one_score(scene: Scene) -> Step:
    """A query times a key."""
    asks, offers = scene.quoted(scene.last), scene.quoted(scene.key)
    query, key = _what_meets(scene)
    itself = " Here both belong to the same character: it may find itself." * (
        scene.key == scene.last
    )
    return Step(
        "One score, by hand",
        (
            "How well does a key answer a query? Multiply the two channel by channel and add up. "
            "Channels that agree in sign add to the score, channels that disagree take from it; "
            "a sum of products like this is called a dot product.",
            f"The query of {asks} meets the key of {offers}, and of all the keys that it may see "
            f"none gives a higher score.{itself}",
            *products(
                f"query times key, head {scene.head + 1}, D = {scene.D} channels",
                ("query", query[scene.last].tolist()),
                ("key", key[scene.key].tolist()),
            ),
            f"That is one score. There are T × T = {scene.T**2}, one for each query with each "
            "key, and one product of two matrices computes them all: q @ kᵀ.",
            scene.pairs("scores: queries down, keys across", scene.of_head("scores")),
        ),
    )


def scaled(scene: Scene) -> Step:
    """Divided by the root of D."""
    score = scene.of_head("scores")[scene.last, scene.key]
    after = scene.of_head("scaled scores")
    root = written([math.sqrt(scene.D)], FACTOR)[0]
    one, other = (
        factors([float(score)])[0][0],
        written([float(after[scene.last, scene.key])], SUM)[0],
    )
    return Step(
        "Scaled",
        (
            f"A sum of D products grows with D: for numbers without any pattern, of variance 1, "
            f"its standard deviation is √D = √{scene.D} = {root}. "
            "Every score is divided by it, so that heads of any size make scores of about one "
            "size. Otherwise a large D would make the softmax below all or nothing, and then "
            "almost nothing would be learned from it.",
            Formula((f"{one} / √{scene.D} = {other}",)),
            scene.pairs("scaled scores", after),
        ),
    )


def masked(scene: Scene) -> Step:
    """No character sees later ones."""
    return Step(
        "The mask",
        (
            "In training the model predicts the next character at every position at once. If a "
            "character could look at those after it, it would simply copy the answer. So each "
            "query sees its own key and those before it; every score above the diagonal is set "
            "to minus infinity. This is called a causal mask."
            + (" With one character there is nothing to hide." if scene.T == 1 else ""),
            scene.pairs("masked scores", scene.of_head("masked scores")),
        ),
    )


def softmax_by_hand(scene: Scene) -> Step:
    """Scores of one row to shares of one."""
    scores = scene.of_head("masked scores")[scene.last].tolist()
    named = list(zip(scene.shown, scene.places, strict=True))
    return Step(
        "Softmax, by hand",
        (
            "A row of scores becomes a row of shares that add up to 1: raise e to each score, "
            "then divide by the sum. A score that is higher by 1 gets e = 2.718 times the share; "
            "minus infinity gets none. To keep the powers small, the greatest score of the row is "
            "first subtracted from all, which leaves the shares as they are.",
            f"The row of {scene.quoted(scene.last)}, which sees the whole text:",
            *softmax(
                "softmax of one row of scores",
                "score",
                scores,
                named,
                f"the {len(scene.hidden)} others",
            ),
        ),
    )


def with_and_without(scene: Scene) -> Step:
    """The weights of the head, and what they would be if nothing were masked."""
    causal, unmasked = scene.weights, scene.of_head("scaled scores").softmax(dim=-1)
    share = f"{float(causal[scene.last, scene.key]):.{SHARE}f}"
    row = causal[scene.last]
    as_much = int((row > row[scene.key] - TIE).sum()) - 1
    parts: list[Part] = [
        "The shares are the attention weights. Every row is one character's, and adds up to 1. "
        f"In layer {scene.layer + 1}, head {scene.head + 1}, {scene.quoted(scene.last)} gives the "
        f"most, {share}, to "
        + ("itself" if scene.key == scene.last else scene.quoted(scene.key))
        + (f", and as much to {as_much} other{'s' * (as_much > 1)}." if as_much else "."),
        "Next to them are those that the same scores give with the mask taken away, as in an "
        "encoder: a model that reads a text which is whole already, and learns by predicting "
        "characters that were covered up in it.",
        SideBySide(
            scene.pairs("causal", causal, SHARE),
            scene.pairs("the mask taken away", unmasked, SHARE),
        ),
    ]
    if scene.T > 1:
        ahead = unmasked.triu(1).sum(dim=-1)  # (T,) of each query's weights, on later keys
        first = scene.shown[0]
        parts.append(
            f"Without the mask {scene.quoted(first)} would give "
            f"{float(ahead[first]):.{SHARE}f} of its weight to what comes after it"
            + (
                "; with it, it can only look at itself. "
                if first == 0
                else "; with it, it gives nothing there. "
            )
            + "The last rows are equal on both sides: after the last character there is nothing "
            "to hide."
        )
    return Step("With the mask, and without", tuple(parts))


def mixed(scene: Scene) -> Step:
    """Values, weighted and added."""
    weights = scene.weights[scene.last].tolist()
    values = scene.of_head("value heads")[:, 0].tolist()
    multiplied = [weight * value for weight, value in zip(weights, values, strict=True)]
    rest = math.fsum(multiplied[i] for i in scene.hidden)
    shown, pair = list(scene.shown), (weights, values)
    cells = [
        *((*column, OMITTED) for column in factors(*([of[i] for i in shown] for of in pair))),
        written([*(multiplied[i] for i in shown), rest], PRODUCT),
    ]
    names = [*scene.places, f"the {len(scene.hidden)} others"]
    rows = list(zip(names, zip(*cells, strict=True), strict=True))
    return Step(
        "The mix of values",
        (
            "Now the values are handed over. What a character receives is a mixture of the values "
            "that it sees, each as much as its weight says.",
            f"Channel 0 of what {scene.quoted(scene.last)} receives:",
            Table(
                "weight times value",
                ("weight", "value", "product"),
                tuple(rows if scene.hidden else rows[:-1]),
            ),
            total(math.fsum(multiplied)),
            "The same for every channel and every character, as one product of two matrices: "
            "weights @ v.",
            scene.vectors(
                f"what head {scene.head + 1} hands over", "T, D", scene.of_head("weights @ value")
            ),
        ),
    )


def _what_meets(scene: Scene) -> tuple[torch.Tensor, torch.Tensor]:
    """Queries and keys as the scores are made of them, (T, D) each."""
    for query, key in (
        ("rotated query", "rotated key"),
        ("query norm", "key norm"),
    ):
        if scene.has(f"attention.{query}"):
            return scene.of_head(query), scene.of_head(key)
    return scene.of_head("query heads"), scene.of_head("key heads")
