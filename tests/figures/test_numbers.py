"""Numbers on axes: short, and never rounded into something else."""

import pytest

from attn_cli.figures.numbers import short_number


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"), (0.25, "0.25"), (-0.5, "−0.5"), (1500, "1,500"), (9999, "9,999"),
        (10_000, "10 k"), (400_000, "400 k"), (1_000_000, "1 M"), (1_250_000, "1.25 M"),
        (3e9, "3 G"), (-20_000, "−20 k"),
    ],
)  # fmt: skip
def test_a_number_is_short(value: float, shown: str) -> None:
    assert short_number(value) == shown
