"""What is measured of the steps between two lines of the metrics."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Reading:
    """What a meter says of the steps since it was read before.

    Attributes:
        loss: Mean training loss, nats per character.
        norm: Length of the last gradient, before clipping.
        rate: The last step size.
        seconds: Time in steps.
        steps: How many.
    """

    loss: float
    norm: float
    rate: float
    seconds: float
    steps: int


class Meter:
    """Sums over the steps since it was read last.

    Losses stay on the device until they are read, so that no step waits for them.
    """

    def __init__(self) -> None:
        self._losses: list[torch.Tensor] = []
        self._seconds = 0.0

    def add(self, loss: torch.Tensor, norm: torch.Tensor, rate: float, seconds: float) -> None:
        """Counts a step: its mean loss, the length of its gradient, its step size, its seconds."""
        self._losses.append(loss)
        self._norm, self._rate = norm, rate
        self._seconds += seconds

    def read(self) -> Reading:
        """Means and sums of the steps since the last reading; starts anew."""
        begin = time.perf_counter()
        loss, norm = float(torch.stack(self._losses).mean()), float(self._norm)
        # On a device that computes on its own, this is where its work is waited for.
        seconds = self._seconds + time.perf_counter() - begin
        reading = Reading(loss, norm, self._rate, seconds, len(self._losses))
        self._losses, self._seconds = [], 0.0
        return reading
