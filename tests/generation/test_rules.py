"""When a text is over, and what of it stays."""

import pytest

from attn_cli.generation.rules import Rules


@pytest.mark.parametrize(
    ("rules", "ids", "reason", "kept"),
    [
        (Rules(9), [1, 2], None, [1, 2]),
        (Rules(2), [1, 2], "length", [1, 2]),
        (Rules(9, document=2), [1, 2], "end", [1]),
        (Rules(9, document=2), [2], "end", []),
        (Rules(9, stops=((5, 6),)), [1, 5, 6], "stop", [1]),
        (Rules(9, stops=((5, 6),)), [5, 6], "stop", []),
        (Rules(9, stops=((7,), (5, 6, 7))), [5, 6, 7], "stop", [5, 6]),
        (Rules(3, stops=((5, 6),)), [1, 5, 6], "stop", [1]),
        (Rules(9, stops=((5, 6),)), [6, 5], None, [6, 5]),
    ],
)
def test_finish(rules: Rules, ids: list[int], reason: str | None, kept: list[int]) -> None:
    assert rules.finish(ids, 0) == reason
    assert ids == kept


@pytest.mark.parametrize(
    ("stops", "ids", "held"),
    [
        ((), [1, 2], 0),
        (((1,),), [1, 2], 0),
        (((2, 3),), [1, 2], 1),
        (((2, 3, 4), (1, 2, 9)), [1, 2], 2),
        (((1, 1, 1, 2),), [1, 1, 1], 3),
        (((1, 1, 1, 2),), [5, 1, 1], 2),
        (((1, 2, 3),), [1, 2, 1], 1),
    ],
)
def test_held_is_the_longest_beginning_of_a_stop(
    stops: tuple[tuple[int, ...], ...], ids: list[int], held: int
) -> None:
    assert Rules(9, stops=stops).held(ids) == held
