"""The legends of the shades that several figures share."""

from __future__ import annotations

import math

from attn_cli.figures.sheet import Scale

_TICKS = (0, 0.05, 0.25, 0.5, 1)
MOST_BITS = 8  # a surprisal from which on all have the same shade


def root_scale(title: str, *, percent: bool = False, masked: str = "") -> Scale:
    """Of shares of 1, most of which are small: their square root makes them visible."""
    factor = 100 if percent else 1
    return Scale(title, [(math.sqrt(each), f"{each * factor:g}") for each in _TICKS], masked)


def bits_scale() -> Scale:
    """Of surprisal."""
    ticks = [(bits / MOST_BITS, f"{bits}") for bits in range(0, MOST_BITS, 2)]
    return Scale("surprisal in bits", [*ticks, (1, f"≥ {MOST_BITS}")])


def probability_scale() -> Scale:
    """Of probabilities."""
    return Scale("probability", [(each / 4, f"{each / 4:g}") for each in range(5)])
