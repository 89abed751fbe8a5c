"""When a text is over, and what of it stays."""

import pytest

from attn_cli.generation.constraints import Constraints


@pytest.mark.parametrize(
    ("constraints", "ids", "reason", "kept"),
    [
        (Constraints(9), [1, 2], None, [1, 2]),
        (Constraints(2), [1, 2], "length", [1, 2]),
        (Constraints(9, eos_id=2), [1, 2], "end", [1]),
        (Constraints(9, eos_id=2), [2], "end", []),
        (Constraints(9, stop_sequences=((5, 6),)), [1, 5, 6], "stop", [1]),
        (Constraints(9, stop_sequences=((5, 6),)), [5, 6], "stop", []),
        (Constraints(9, stop_sequences=((7,), (5, 6, 7))), [5, 6, 7], "stop", [5, 6]),
        (Constraints(3, stop_sequences=((5, 6),)), [1, 5, 6], "stop", [1]),
        (Constraints(9, stop_sequences=((5, 6),)), [6, 5], None, [6, 5]),
    ],
)
def test_check_stop(
    constraints: Constraints, ids: list[int], reason: str | None, kept: list[int]
) -> None:
    assert constraints.check_stop(ids, 0) == reason
    assert ids == kept


@pytest.mark.parametrize(
    ("stops", "ids", "pending"),
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
def test_pending_is_the_longest_beginning_of_a_stop(
    stops: tuple[tuple[int, ...], ...], ids: list[int], pending: int
) -> None:
    assert Constraints(9, stop_sequences=stops).pending_stop_length(ids) == pending
