"""Numbers on axes, as short as they can be read."""

_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_PLAIN = 10_000  # numbers below it are written out


def short_number(value: float) -> str:
    """A number with the fewest digits that give it exactly: 1.2 M, 400 k, 1,500, 0.25."""
    if abs(value) >= _PLAIN:
        factor, unit = next(each for each in _UNITS if abs(value) >= each[0])
        return f"{value / factor:.6g} {unit}".replace("-", "−")
    text = f"{value:,.0f}" if value == int(value) else f"{value:.6g}"
    return text.replace("-", "−")
