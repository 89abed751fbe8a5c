"""The arms of a sweep: what `--set` stands for, the grid, draws, and the names of folders."""

from __future__ import annotations

import pytest

from attn_cli.errors import InputError
from attn_cli.experiments.grid import Choice, Range, make_arms, parse_setting, varying


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("model.n_head=2,4", Choice("model.n_head", (2, 4))),
        ("train.learning_rate=1e-3, 0.01", Choice("train.learning_rate", (0.001, 0.01))),
        ("model.ngrams=[2, 3],[]", Choice("model.ngrams", ([2, 3], []))),
        ("model.ngrams=[2,3]", Choice("model.ngrams", ([2, 3],))),
        ("model.position=rope", Choice("model.position", ("rope",))),
        ("train.minutes=", Choice("train.minutes", (None,))),
        ("train.learning_rate=1e-3..1e-1", Range("train.learning_rate", 0.001, 0.1)),
        ("model.n_layer=1..4", Range("model.n_layer", 1, 4)),
        ("data.text=../a..b.txt", Choice("data.text", ("../a..b.txt",))),
    ],
)
def test_a_setting_is_some_values_or_a_range(text: str, found: Choice | Range) -> None:
    assert parse_setting(text) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model.n_head", "not of the form key=value"),
        ("model.n_head=2,2", "a value is given twice"),
        ("model.n_head=4..2", "the range has no numbers in it"),
    ],
)
def test_what_is_none_is_told(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_setting(text)


def test_a_grid_has_all_combinations_under_short_names() -> None:
    settings = [Choice("model.n_head", (2, 4)), Choice("train.learning_rate", (1e-3, 0.01))]
    assert [arm.name for arm in make_arms(settings)] == [
        "n_head=2,learning_rate=0.001",
        "n_head=2,learning_rate=0.01",
        "n_head=4,learning_rate=0.001",
        "n_head=4,learning_rate=0.01",
    ]
    assert make_arms(settings)[1].settings == {"model.n_head": 2, "train.learning_rate": 0.01}


def test_names_are_safe_for_every_file_system_and_differ() -> None:
    values = ("../a b", "../a/b", ["x", 2], [], True, None)
    names = [arm.name for arm in make_arms([Choice("data.text", values)])]
    assert names == ["text=..-a-b", "text=..-a-b+", "text=x-2", "text=none", "text=true",
                     "text=null"]  # fmt: skip


def test_draws_are_the_same_each_time_within_their_range_and_all_different() -> None:
    settings = [Range("model.n_layer", 1, 4), Range("train.learning_rate", 1e-4, 1e-1)]
    arms = make_arms(settings, 50)
    assert arms == make_arms(settings, 50)
    layers, rates = zip(*(arm.settings.values() for arm in arms), strict=True)
    assert set(layers) == {1, 2, 3, 4}
    assert all(1e-4 <= rate <= 1e-1 for rate in rates)
    # On a logarithmic scale a third is in each decade; on a linear one 1 in 1,000 in the lowest.
    assert sum(rate < 1e-3 for rate in rates) > 8
    assert len(make_arms([Choice("model.n_head", (2, 4))], 9)) == 2
    wide = [arm.settings["train.steps"] for arm in make_arms([Range("train.steps", 1, 1000)], 60)]
    assert all(isinstance(steps, int) and 1 <= steps <= 1000 for steps in wide)
    assert sum(steps <= 31 for steps in wide) > 15


@pytest.mark.parametrize(
    ("settings", "draws", "said"),
    [
        ([], None, "a setting with several values"),
        ([Range("model.n_layer", 1, 4)], None, "is a range"),
        ([Choice("model.n_head", (2,)), Choice("model.n_head", (4,))], None, "is given twice"),
        ([Choice("train.steps", tuple(range(1001)))], None, "more than 1,000 arms"),
        ([Choice("model.n_head", (2, 4))], 0, "from 1 to 1,000"),
    ],
)
def test_what_makes_no_sweep_is_told(
    settings: list[Choice | Range], draws: int | None, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        make_arms(settings, draws)


def test_a_setting_with_one_value_is_that_of_all_arms() -> None:
    differing, same = varying([Choice("a.b", (1,)), Choice("c.d", (1, 2))])
    assert differing == [Choice("c.d", (1, 2))]
    assert [(each.key, each.value) for each in same] == [("a.b", 1)]
