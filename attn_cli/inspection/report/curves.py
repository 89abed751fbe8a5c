"""The curves of a report: what its script draws."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from attn_cli.inspection.page.payload import evenly_spaced
from attn_cli.inspection.report.run_report import RunReport

MOST_POINTS = 1500  # of a curve; of longer ones, every so many lines are drawn
Plot = dict[str, Any]


def run_plots(report: RunReport) -> list[Plot]:
    """The plots of one run over its steps, the loss first: only those that have a point."""
    right = {"accuracy": "val_accuracy", "macro-F1": "val_macro_f1", "error rate": "val_error_rate"}
    norm = {"gradient norm": "grad_norm"}
    losses = {"training": "train_loss", "validation": "val_loss"}
    plots = [
        {**plot("Loss", f"nats per {report.unit}", 4, _series(report, losses)), "wide": True},
        plot("Validation", "a fraction of 1", 3, _series(report, right)),
        plot("Learning rate", "", 6, _series(report, {"learning rate": "lr"})),
        {**plot("Gradient norm", "before clipping", 3, _series(report, norm)), "wide": True},
    ]
    plots[0]["levels"] = list(_levels(report))
    return [each for each in plots if each["series"]]


def plot(title: str, unit: str, digits: int, series: list[dict[str, Any]]) -> Plot:
    """A plot: what it is of, in which unit, and with how many decimals it is read out.

    Its series have points (step, value), or (step, mean, low, high) where they have a band. It is
    drawn on a scale of logarithms where its values range widely and it is marked as `wide`.
    """
    return {
        "title": title, "unit": unit, "digits": digits,
        "series": series, "levels": [], "wide": False,
    }  # fmt: skip


def thinned(points: Sequence[Sequence[float]]) -> list[list[float]]:
    """The points that are drawn: finite, and not too many."""
    finite = [list(point) for point in points if all(map(math.isfinite, point))]
    return list(evenly_spaced(finite, MOST_POINTS))


def _series(report: RunReport, names: dict[str, str]) -> list[dict[str, Any]]:
    found = []
    for name, key in names.items():
        lines = [(line.step, getattr(line, key)) for line in report.metrics]
        points = thinned([(step, value) for step, value in lines if value is not None])
        if points:
            found.append({"name": name, "points": points, "dots": key.startswith("val_")})
    return found


def _levels(report: RunReport) -> Iterator[dict[str, Any]]:
    """What the loss is held against, in nats."""
    measured = report.measured
    if measured.baselines is not None:
        for name, bits in measured.baselines.by_name.items():
            yield {"name": name, "value": bits * math.log(2)}
    if measured.floor is not None:
        yield {"name": "text’s entropy", "value": measured.floor * math.log(2)}
