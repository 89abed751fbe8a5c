"""The tiny model's lesson, every number of it, worked out again without torch."""

from __future__ import annotations

import math

import pytest

from attn_cli.inspection import handmade_model as handmade
from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.inspection.lesson.blocks import SideBySide, Table
from attn_cli.inspection.lesson.build import lesson
from tests.inspection.redone import check_arithmetic, tables, unit

Vector = list[float]
Rows = list[Vector]

TOKEN_EMBEDDING = handmade.WEIGHTS["token_embedding.weight"].tolist()
POSITION_EMBEDDING = handmade.WEIGHTS["position_embedding.weight"].tolist()
QUERY = handmade.WEIGHTS["blocks.0.attention.query.weight"].tolist()
KEY = handmade.WEIGHTS["blocks.0.attention.key.weight"].tolist()
VALUE = handmade.WEIGHTS["blocks.0.attention.value.weight"].tolist()
PROJECTION = handmade.WEIGHTS["blocks.0.attention.projection.weight"].tolist()
UP = handmade.WEIGHTS["blocks.0.feed_forward.up.weight"].tolist()
DOWN = handmade.WEIGHTS["blocks.0.feed_forward.down.weight"].tolist()
HEAD = handmade.WEIGHTS["head.weight"].tolist()


def dot(left: Vector, right: Vector) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def linear(weight: Rows, vectors: Rows) -> Rows:
    return [[dot(list(row), vector) for row in weight] for vector in vectors]


def norm(vectors: Rows) -> Rows:
    """LayerNorm; the tiny model's gains are 1."""
    normed = []
    for vector in vectors:
        mean = sum(vector) / len(vector)
        variance = sum((number - mean) ** 2 for number in vector) / len(vector)
        normed.append([(number - mean) / math.sqrt(variance + 0.00001) for number in vector])
    return normed


def softmax(row: Vector) -> Vector:
    raised = [math.exp(number) for number in row]
    return [number / sum(raised) for number in raised]


def gelu(x: float) -> float:
    return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def add(left: Rows, right: Rows) -> Rows:
    return [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(left, right, strict=True)]


def worked_out(text: str, head: int) -> tuple[dict[str, Rows], list[tuple[Vector, Vector]]]:
    """What the tables should show; `head` counts from 1.

    Returns:
        By the beginnings of their captions, those that are there to be looked at; and in
        their order, two columns of each in which something is worked out.
    """
    ids = [handmade.LETTERS.index(letter) for letter in text]
    token = [list(TOKEN_EMBEDDING[id_]) for id_ in ids]
    position = [list(POSITION_EMBEDDING[place]) for place in range(len(text))]
    x = add(token, position)
    normed = norm(x)
    q, k, v = (linear(weight, normed) for weight in (QUERY, KEY, VALUE))
    heads = []
    for start in (0, 4):
        own = [[row[start : start + 4] for row in rows] for rows in (q, k, v)]
        scores = [[dot(query, key) for key in own[1]] for query in own[0]]
        scaled = [[score / math.sqrt(4) for score in row] for row in scores]
        masked = [
            [score if s <= t else -math.inf for s, score in enumerate(row)]
            for t, row in enumerate(scaled)
        ]
        causal, unmasked = [softmax(row) for row in masked], [softmax(row) for row in scaled]
        mix = [[dot(row, list(c)) for c in zip(*own[2], strict=True)] for row in causal]
        heads.append((own, scores, scaled, masked, causal, unmasked, mix))
    own, scores, scaled, masked, causal, unmasked, mix = heads[head - 1]
    merged = [a + b for a, b in zip(heads[0][-1], heads[1][-1], strict=True)]
    projected = linear(PROJECTION, merged)
    attended = add(x, projected)
    normed_again = norm(attended)
    up = linear(UP, normed_again)
    bent = [[gelu(number) for number in row] for row in up]
    down = linear(DOWN, bent)
    out = add(attended, down)
    final = norm(out)
    logits = linear(HEAD, final)
    order = sorted(range(4), key=lambda id_: (-logits[-1][id_], id_))
    next_probs = [softmax([logit / t for logit in logits[-1]]) for t in (0.5, 1.0, 2.0)]
    last = f"‘{text[-1]}’ at position {len(text) - 1}"
    channel = 4 * (head - 1)
    key = max(range(len(text)), key=lambda place: (causal[-1][place], -place))
    strongest = max(range(4), key=lambda number: (bent[-1][number], -number))
    probabilities = [softmax(row)[id_] for row, id_ in zip(logits, ids[1:], strict=False)]
    by_hand = [
        (x[-1], normed[-1]),
        (list(QUERY[channel]), normed[-1]),
        (own[0][-1], own[1][key]),
        (masked[-1], causal[-1]),
        (causal[-1], [row[0] for row in own[2]]),
        (list(PROJECTION[0]), merged[-1]),
        (attended[-1], normed_again[-1]),
        (list(UP[strongest]), normed_again[-1]),
        (out[-1], final[-1]),
        (list(HEAD[order[0]]), final[-1]),
        ([logits[-1][id_] for id_ in order], [softmax(logits[-1])[id_] for id_ in order]),
    ]
    if probabilities:
        by_hand.append((probabilities, [-math.log(p) for p in probabilities]))
    return {
        "position, character and id": [[float(id_)] for id_ in ids],
        "the embedding table": [list(row) for row in TOKEN_EMBEDDING],
        "embeddings of the text": token,
        "position embeddings": position,
        "their sum": x,
        "after the norm 1": normed,
        "weights of the query": [list(row) for row in QUERY],
        "weights of the key": [list(row) for row in KEY],
        "weights of the value": [list(row) for row in VALUE],
        f"queries of head {head}": own[0],
        f"keys of head {head}": own[1],
        f"values of head {head}": own[2],
        "scores: queries down": scores,
        "scaled scores": scaled,
        "masked scores": masked,
        "with the causal mask": causal,
        "without the mask": unmasked,
        f"output of head {head}": mix,
        "weights of each head": [heads[0][4][-1], heads[1][4][-1]],
        "merged heads": merged,
        "weights of the projection": [list(row) for row in PROJECTION],
        "after the projection": projected,
        "the residual stream after attention": attended,
        "after the norm 2": normed_again,
        "weights of up": [list(row) for row in UP],
        f"{last} inside": [up[-1], bent[-1]],
        "weights of down": [list(row) for row in DOWN],
        f"{last} after down": [down[-1]],
        "the residual stream after feed-forward": out,
        "weights of the output layer": [list(row) for row in HEAD],
        "probabilities at temperature": [[column[id_] for column in next_probs] for id_ in order],
    }, by_hand


def close(table: Table, rows: Rows) -> None:
    for (name, cells), row in zip(table.rows, rows, strict=True):
        for cell, number in zip(cells, row, strict=True):
            if math.isinf(number):
                assert cell == "-∞"
            else:
                assert abs(float(cell) - number) <= 0.51 * unit(cell) + 2e-5, (table.caption, name)


@pytest.mark.parametrize("head", [1, 2])
@pytest.mark.parametrize("text", ["mama", "pap", "ab", "b", "bbbb", "abmp"])
def test_every_number_can_be_worked_out_by_hand(text: str, head: int) -> None:
    loaded = handmade.handmade_model()
    steps = lesson(
        forward_pass(loaded.model, loaded.encode_prompt(text)), loaded.tokenizer, head=head - 1
    )
    expected, by_hand = worked_out(text, head)
    norms = iter(("after the norm 1", "after the norm 2"))
    checked = set()
    for table in tables(steps):
        beginning = table.caption.partition(",")[0].partition(";")[0]
        if beginning == "after the norm":
            beginning = next(norms)
        found = [caption for caption in expected if beginning.startswith(caption)] or [
            caption for caption in expected if table.caption.startswith(caption)
        ]
        if found:
            close(table, expected[found[0]])
            checked.add(found[0])
    assert checked == set(expected)
    # What is left is worked out in the lesson itself, and the sizes.
    check_arithmetic(steps)
    for (one, other), table in zip(by_hand, filter(is_by_hand, tables(steps)), strict=True):
        first = 1 if table.columns[0] == "next" else 0
        second = 1 if table.columns[-1] == "product" else -1
        rows = [(name, (cells[first], cells[second])) for name, cells in table.rows]
        close(
            Table(table.caption, (), tuple(rows)), [list(p) for p in zip(one, other, strict=True)]
        )
    assert sum(not is_by_hand(table) for table in tables(steps)) == len(expected) + 1


def is_by_hand(table: Table) -> bool:
    return table.columns[-1] in ("product", "result", "divided by the sum", "-ln(probability)")


def test_it_does_what_its_story_says() -> None:
    loaded = handmade.handmade_model()
    letters = handmade.LETTERS
    for one in letters:
        for two in letters.replace(one, ""):
            for length in (2, 3, 4):
                text = (one + two) * 2
                seen = forward_pass(loaded.model, loaded.encode_prompt(text[:length]))
                # The next letter is the one before the last.
                assert letters[int(seen["logits"][-1].argmax())] == text[length - 2]
                previous = seen.attention[0, 0, 1:].diagonal()
                assert previous.min() > 0.9
                same = [place for place in range(length) if text[place] == text[length - 1]]
                assert seen.attention[0, 1, -1, same].sum() > 0.9


def test_equal_weights_are_said_to_be_equal() -> None:
    loaded = handmade.handmade_model()

    def told(text: str, head: int) -> str:
        seen = forward_pass(loaded.model, loaded.encode_prompt(text))
        return str(lesson(seen, loaded.tokenizer, head=head))

    assert "gives the largest weight, 0.95, to ‘m’ at position 2." in told("mama", 0)
    assert "gives the largest weight, 0.49, to ‘a’ at position 1, and as much to 1 other." in told(
        "mama", 1
    )
    assert "and as much to 3 others." in told("aaaa", 1)
    assert "gives the largest weight, 1.00, to itself." in told("a", 1)


def test_its_weights_are_small_round_numbers_and_its_sizes_fit_a_screen() -> None:
    loaded = handmade.handmade_model()
    for weight in loaded.model.state_dict().values():
        assert set(weight.flatten().tolist()) <= {-5, -2, -1, 0, 1, 2, 5}
    assert loaded.model.config.n_embd == 8
    steps = lesson(
        forward_pass(loaded.model, loaded.encode_prompt(handmade.TEXT)), loaded.tokenizer
    )
    assert not any("…" in table.columns for table in tables(steps))
    assert any(isinstance(part, SideBySide) for step in steps for part in step.parts)
