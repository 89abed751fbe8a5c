"""Labelled lines held out for validation: of each label its fraction, equal texts together."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attn_cli.text.examples import Examples
from attn_cli.text.lines import find_lines
from attn_cli.text.stratified_split import split_labelled
from attn_cli.text.tokenizer import printable_tokenizer

Row = tuple[str, int]


def lines_of(rows: list[Row]) -> Examples:
    tokenizer = printable_tokenizer()
    lines = find_lines(tokenizer.encode("\n".join(text for text, _ in rows)), tokenizer)
    return replace(lines, line_labels=np.array([label for _, label in rows], np.uint8))


def sides(rows: list[Row], fraction: float, seed: int = 0) -> tuple[list[Row], list[Row]]:
    train, validation = split_labelled(lines_of(rows), fraction, seed)
    return [rows[i] for i in train.rows], [rows[i] for i in validation.rows]


@settings(max_examples=200)
@given(
    rows=st.lists(st.tuples(st.sampled_from("abcdefghij"), st.integers(0, 4)), min_size=1),
    fraction=st.floats(0.01, 0.9),
    seed=st.integers(0, 3),
)
def test_every_line_on_one_side_and_equal_texts_together(
    rows: list[Row], fraction: float, seed: int
) -> None:
    train, validation = sides(rows, fraction, seed)
    assert Counter(train) + Counter(validation) == Counter(rows)
    assert not {text for text, _ in train} & {text for text, _ in validation}
    assert len(validation) <= max(1, round(fraction * len(rows) + 0.01))
    assert train


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_of_each_label_its_fraction_and_exact_in_all(fraction: float) -> None:
    rows = [(f"{label} {i}", label) for label in range(7) for i in range(3 + 17 * label)]
    _, validation = sides(rows, fraction)
    assert len(validation) == round(fraction * len(rows))
    total, held_out = (Counter(label for _, label in part) for part in (rows, validation))
    for label, number in total.items():
        assert abs(held_out[label] - fraction * number) < 1


def test_copies_count_and_are_no_obstacle() -> None:
    rows = [(f"{label} {i}", label) for label in range(3) for i in range(40) for _ in range(i % 4)]
    for seed in range(10):
        train, validation = sides(rows, 0.2, seed)
        assert len(validation) == round(0.2 * len(rows))
        assert not {text for text, _ in train} & {text for text, _ in validation}


def test_no_label_is_held_out_whole() -> None:
    rows = [("a", 0), ("b", 1), ("c", 1), *((f"{i}", 2) for i in range(20))]
    for seed in range(10):
        train, _ = sides(rows, 0.8, seed)
        assert {label for _, label in train} == {0, 1, 2}


def test_rare_labels_have_their_share_of_validation() -> None:
    rows = [(f"{label} {i}", label) for label in range(50) for i in range(4)]
    _, validation = sides(rows, 0.1)
    assert len(validation) == 20
    assert max(Counter(label for _, label in validation).values()) == 1


def test_a_seed_of_its_own_and_the_same_whatever_the_order() -> None:
    rows = [(f"{label} {i}", label) for label in range(3) for i in range(30)]
    assert sorted(sides(rows[::-1], 0.2)[1]) == sorted(sides(rows, 0.2)[1])
    assert sides(rows, 0.2, seed=1)[1] != sides(rows, 0.2)[1]
