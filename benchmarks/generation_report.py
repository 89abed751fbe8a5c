"""The tables of generation.py, from what its processes measured."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import Any

OURS = "attn"
LIMIT = "limit"

Case = tuple[str, int]  # size, streams
Numbers = dict[str, float]


class Report:
    """Medians over rounds.

    Args:
        results: What each process measured, with its round, side, size and streams.
    """

    def __init__(self, results: list[dict[str, Any]]) -> None:
        found: dict[Case, dict[str, dict[str, list[float]]]] = {}
        for result in results:
            sides = found.setdefault((result["size"], result["streams"]), {})
            numbers = sides.setdefault(result["side"], defaultdict(list))
            for key, value in result["measured"].items():
                numbers[key].append(value)
        self.cases: dict[Case, dict[str, Numbers]] = {
            case: {
                side: {key: statistics.median(values) for key, values in numbers.items()}
                for side, numbers in sides.items()
            }
            for case, sides in found.items()
        }

    def print(self) -> None:
        """Speeds, then the limits, then what many streams bring."""
        self._print_speeds()
        self._print_limits()
        self._print_gains()

    def _print_speeds(self) -> None:
        print(
            "\n| size | streams | side | prefill, chars/s | attn is | decode, chars/s | attn is |"
        )
        print("|---|---|---|---|---|---|---|")
        for (size, streams), sides in self.cases.items():
            for side, numbers in sides.items():
                if side.startswith(LIMIT):
                    continue
                row = [size, str(streams), side]
                for part in ("prefill", "decode"):
                    theirs = speed(numbers, part)
                    ratio = speed(sides[OURS], part) / theirs
                    row += [f"{theirs:,.0f}", "" if side == OURS else f"{ratio:.2f} x"]
                print(f"| {' | '.join(row)} |")

    def _print_limits(self) -> None:
        print("\n| size | streams | | µs/char | one reading, µs/char | attn takes |")
        print("|---|---|---|---|---|---|")
        for (size, streams), sides in self.cases.items():
            ours = 1 / speed(sides[OURS], "decode")
            print(f"| {size} | {streams} | {OURS}, decode | {ours * 1e6:,.1f} | | |")
            for side, numbers in sides.items():
                if side.startswith(LIMIT):
                    products = numbers["products_seconds"] / streams
                    reading = numbers["reading_seconds"] / streams
                    bandwidth = numbers["weight_bytes"] / numbers["reading_seconds"]
                    print(
                        f"| {size} | {streams} | {side} | {products * 1e6:,.1f} "
                        f"| {reading * 1e6:,.1f} ({bandwidth / 1e9:,.0f} GB/s) "
                        f"| {ours / products:.2f} x |"
                    )

    def _print_gains(self) -> None:
        for (size, streams), sides in self.cases.items():
            alone = self.cases.get((size, 1))
            if streams > 1 and alone:
                print()
                for side in sides:
                    if not side.startswith(LIMIT):
                        gain = speed(sides[side], "decode") / speed(alone[side], "decode")
                        print(f"{size}, {side}: {streams} streams write {gain:.1f} x what one does")


def speed(numbers: Numbers, part: str) -> float:
    """Characters a second of `prefill` or `decode`, all streams together."""
    return numbers[f"{part}_chars"] / numbers[f"{part}_seconds"]
