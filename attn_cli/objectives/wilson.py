"""The confidence interval of a proportion."""

import math


def wilson_interval(right: int, total: int) -> tuple[float, float]:
    """The 95 % confidence interval of a proportion (Wilson 1927)."""
    z = 1.96
    share, squared = right / total, z**2
    middle = (share + squared / (2 * total)) / (1 + squared / total)
    spread = share * (1 - share) / total + squared / (4 * total**2)
    margin = z / (1 + squared / total) * math.sqrt(spread)
    return max(0.0, middle - margin), min(1.0, middle + margin)
