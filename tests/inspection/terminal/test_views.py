"""What the terminal shows is what was computed."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from attn_cli.inspection.ablation import AblationEffect
from attn_cli.inspection.heads import DECODER_SHARES, HeadScores, MeasuredHead
from attn_cli.inspection.logit_lens import LayerPredictions
from attn_cli.inspection.terminal.alignment import AlignmentMap
from attn_cli.inspection.terminal.attention_map import LargeMap, SmallMaps
from attn_cli.inspection.terminal.heads import heads_view
from attn_cli.inspection.terminal.logit_lens import lens_view
from attn_cli.inspection.terminal.table import Table
from attn_cli.text.display import printable_symbol
from tests.alphabets import SENTENCES


def drawn(view: Any, width: int = 100, encoding: str = "utf-8") -> list[str]:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(file=out, width=width, highlight=False, markup=False).print(view)
    out.seek(0)
    return [line.rstrip() for line in out.read().splitlines()]


def causal(rows: list[list[float]]) -> np.ndarray:
    T = len(rows)
    return np.array([row + [0.0] * (T - len(row)) for row in rows], dtype=np.float32)


WEIGHTS = causal([[1.0], [0.75, 0.25], [0.04, 0.46, 0.5]])


def test_a_shade_tells_how_much() -> None:
    lines = drawn(SmallMaps(WEIGHTS[None, None], [4], [7], "abc", "abc"))
    assert lines == ["  4.7", "  abc", "a █", "b █▒", "c ·▓▓"]
    assert drawn(LargeMap(WEIGHTS, "abc", numbers=False))[:4] == [
        "  a b c", "a ██", "b ██▒▒", "c ··▓▓▓▓"
    ]  # fmt: skip
    assert drawn(LargeMap(WEIGHTS, "abc", numbers=True)) == [
        "  a   b   c", "a 1.0", "b .75 .25", "c .04 .46 .50"
    ]  # fmt: skip


ALIGNED = np.array([[0.75, 0.25, 0.0], [0.04, 0.46, 0.5]], dtype=np.float32)


def test_an_alignment_has_the_source_across_and_the_target_down() -> None:
    assert drawn(AlignmentMap(ALIGNED, "abc", "xy", numbers=False)) == [
        "  a b c", "x ██▒▒··", "y ··▓▓▓▓"
    ]  # fmt: skip
    assert drawn(AlignmentMap(ALIGNED, "abc", "xy", numbers=True)) == [
        "  a   b   c", "x .75 .25 .00", "y .04 .46 .50"
    ]  # fmt: skip
    small = SmallMaps(ALIGNED[None, None], [1], [1], "xy", "abc")
    assert drawn(small) == ["  1.1", "  abc", "x █▒·", "y ·▓▓"]


def test_labels_of_several_characters_are_written_downwards_above_an_alignment() -> None:
    assert drawn(AlignmentMap(ALIGNED, ["k", "t͡s", "[PL]"], ["x", "aː"], numbers=False)) == [
        "       [",
        "       P",
        "     t͡ L",
        "   k s ]",
        "x  ██▒▒··",
        "aː ··▓▓▓▓",
    ]
    short = drawn(AlignmentMap(ALIGNED, ["k", "aː", "s"], ["x", "aː"], numbers=False))
    assert short == ["   k  aː s", "x  ██ ▒▒ ··", "aː ·· ▓▓ ▓▓"]


def test_an_alignment_that_is_too_wide_goes_on_below() -> None:
    assert drawn(AlignmentMap(ALIGNED, "abc", "xy", numbers=False), width=6) == [
        "  a b", "x ██▒▒", "y ··▓▓", "  c", "x ··", "y ▓▓"
    ]  # fmt: skip


def test_heads_stand_side_by_side_in_rows_that_are_alike() -> None:
    maps = SmallMaps(np.stack([WEIGHTS] * 4)[None], [1], [1, 2, 3, 4], "abc", "abc")
    names, keys, first, *_ = drawn(maps)
    assert names.split() == ["1.1", "1.2", "1.3", "1.4"]
    assert [names.index("1.4"), keys.rindex("abc"), first.rindex("█")] == [names.index("1.4")] * 3
    # Three would fit into 25 columns.
    narrow = [line.split() for line in drawn(maps, width=25) if "." in line]
    assert narrow == [["1.1", "1.2"], ["1.3", "1.4"]]


def test_with_colours_a_line_holds_two_rows() -> None:
    out = io.StringIO()
    terminal = Console(file=out, width=40, force_terminal=True, color_system="truecolor")
    terminal.print(SmallMaps(WEIGHTS[None, None], [4], [7], "abc", "abc"))
    names, keys, first, second = (
        re.sub(r"\x1b\[[0-9;]*m", "", line) for line in out.getvalue().splitlines()
    )
    assert [names.strip(), keys.strip()] == ["4.7", "abc"]
    assert [first.rstrip(), second.rstrip()] == ["ab ▀▄", "c  ▀▀▀"]
    above, to_04, below = (re.escape(rgb) for rgb in ("253;231;76", "181;82;124", "31;31;61"))
    # b gives 0.75 to a, below a's 1.0, and 0.25 to itself; c gives 0.04 to a.
    coloured = out.getvalue().splitlines()
    assert re.search(rf"38;2;{above};48;2;{above}m▀", coloured[2])
    assert re.search(rf"38;2;{to_04}m▄", coloured[2])
    assert re.search(rf"38;2;{below}m▀", coloured[3])


def test_a_cell_of_a_long_text_is_the_largest_of_several() -> None:
    weights = np.zeros((1, 1, 66, 66), dtype=np.float32)
    weights[..., 0] = 0.01
    weights[0, 0, 65, 1] = 0.9
    weights[0, 0, 40, 40] = 0.5
    lines = drawn(SmallMaps(weights, [1], [1], "x" * 66, "x" * 66))
    assert "3 × 3" in lines[0]
    cells = lines[2 : 2 + 22]
    assert cells[21][:2] == "█·"
    assert cells[13][13] == "▓"
    assert sum(line.count("█") + line.count("▓") for line in cells) == 2
    assert [len(line) for line in cells] == list(range(1, 23))


def test_characters_of_two_columns_stay_in_line() -> None:
    assert drawn(LargeMap(WEIGHTS, "猫 b", numbers=True))[:2] == ["   猫  ␣   b", "猫 1.0"]


def test_a_terminal_without_these_signs_gets_others() -> None:
    lines = drawn(LargeMap(WEIGHTS, "a b", numbers=False), encoding="ascii")
    assert lines[:4] == ["  a _ b", "a ##", "_ ##==", "b ..xxxx"]


def test_the_lens_shows_predictions_probabilities_and_means() -> None:
    lens = LayerPredictions(
        "ab", ["embedding", "layer 1"], [["x", "b"], ["y", " "]], [[0.25, 0.5], [1.0, 0.125]],
        [[2.0, 1.0]],
    )  # fmt: skip
    lines = drawn(lens_view(lens, "byte"))
    assert "the byte that came" in " ".join(lines)
    rows = [line.split() for line in lines]
    assert rows[1] == ["a", "b", "1.00", "x", "25%", "=b", "50%"]
    assert rows[2] == ["b", "y", "100%", "␣", "12%"]
    assert rows[3] == ["mean", "1.00", "2.00", "1.00"]


def test_heads_show_their_scores_and_what_is_lost() -> None:
    shares = {which: 0.1 * number for number, which in enumerate(DECODER_SHARES, 1)}
    scores = HeadScores(shares, 7.0, 1.5)
    head = MeasuredHead(2, 3, "word start", scores, AblationEffect(-0.5, 0.25))
    lines = drawn(heads_view([head], scores, "byte"), width=120)
    assert lines[0].startswith("No head is relied on")
    assert lines[2].split() == [
        "2.3", "word", "start", "-0.5000", "±", "0.2500",
        "0.10", "0.20", "0.30", "0.40", "0.50", "0.60", "7.0", "1.5",
    ]  # fmt: skip
    assert "nats per byte" in " ".join(lines)
    relied_on = replace(head, head=4, effect=AblationEffect(0.5, 0.25))
    assert drawn(heads_view([head, relied_on], scores, "byte"))[0] == (
        "Most relied on: head 2.4, word start. Without it the loss increases by 0.5000 nats per "
        "byte."
    )
    assert "the last same byte" in " ".join(lines)
    unknown = replace(scores, shares={**scores.shares, "word_start": None})
    bare_head = replace(head, scores=unknown, effect=AblationEffect(-0.5, None))
    bare = drawn(heads_view([bare_head], unknown, "byte"))
    assert bare[2].split()[2:] == ["start", "-0.5000", *lines[2].split()[6:11], "–", "7.0", "1.5"]


def test_where_no_head_has_a_name_there_is_no_column_of_names() -> None:
    scores = HeadScores(dict.fromkeys(DECODER_SHARES, 0.1), 7.0, 1.5)
    head = MeasuredHead(2, 3, "", scores, AblationEffect(0.5, 0.25))
    lines = drawn(heads_view([head], scores, "byte"), width=120)
    assert lines[1].startswith("head       loss increase  prev.")
    assert lines[2].split()[:4] == ["2.3", "0.5000", "±", "0.2500"]
    assert lines[3].split()[:2] == ["uniform", "0.10"]
    assert "No head has a name here: a head is named after a share" in " ".join(lines)


def test_a_number_is_never_cut() -> None:
    table = Table(("name", "one", "two"), [("a", "1.25", "2.5"), ("bb", "10.5", "3.75")], 1)
    assert drawn(table) == ["name   one   two", "a     1.25   2.5", "bb    10.5  3.75"]
    assert drawn(table, width=15) == [
        "name   one", "a     1.25", "bb    10.5", "A wider",
        "terminal shows", "two.",
    ]  # fmt: skip


@pytest.mark.parametrize("width", [40, 80, 200])
def test_views_keep_to_the_width(width: int) -> None:
    T = 120
    weights = np.tril(np.ones((2, 6, T, T), dtype=np.float32))
    weights /= weights.sum(-1, keepdims=True)
    for view in (
        SmallMaps(weights, [1, 2], range(1, 7), "x" * T, "x" * T),
        LargeMap(weights[0, 0], "x" * T, numbers=True),
        LargeMap(weights[0, 0], "x" * T, numbers=False),
        Table(tuple(f"column {number}" for number in range(30)), [("1.5",) * 30], 0),
    ):
        assert max(map(len, drawn(view, width))) <= width


@pytest.mark.parametrize("sentence", SENTENCES.values(), ids=SENTENCES)
def test_columns_are_aligned_by_cells_in_every_script(sentence: str) -> None:
    text = sentence[:6]
    T = len(text)
    weights = causal([[1.0 / (t + 1)] * (t + 1) for t in range(T)])
    heads, *rows = drawn(LargeMap(weights, text, numbers=True))[: T + 1]
    ends = [cell_len(row) for row in rows]
    assert ends == [ends[0] + t * (ends[1] - ends[0]) for t in range(T)]
    assert ends[-2] < cell_len(heads) <= ends[-1]

    table = Table(("symbol", "p"), [(printable_symbol(each), "0.5") for each in sentence], 1)
    assert len({cell_len(line) for line in drawn(table)}) == 1
