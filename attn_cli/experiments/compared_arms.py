"""Arms beside each other, as a report shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attn_cli.errors import InputError
from attn_cli.experiments import comparison_text
from attn_cli.experiments.arms import Arm
from attn_cli.experiments.comparison import compare_arms
from attn_cli.experiments.curves_plot import curves
from attn_cli.inspection.report.build import ComparedArms
from attn_cli.inspection.report.curves import plot, thinned


def compared_arms(arms: Sequence[Arm]) -> ComparedArms:
    """The table of `attn compare` with what it means, and the arms' mean curves with bands.

    Where the arms cannot be compared, the reason is all that is said.
    """
    try:
        compared = compare_arms(arms)
    except InputError as error:
        return ComparedArms(lines=[f"{error.message}. {error.hint or ''}"])
    headings, rows = comparison_text.table(compared)
    lines = [line.strip() for line in comparison_text.lines(compared) if line]
    series = [each for arm in compared.arms if (each := _series(arm))["points"]]
    unit = "example" if compared.arms[0].runs[0].task == "classify" else "character"
    what = f"nats per {unit}, mean ± one standard deviation over seeds"
    plots = [plot("Validation loss", what, 4, series)] if series else []
    return ComparedArms(headings, rows, lines, plots)


def _series(arm: Arm) -> dict[str, Any]:
    """The mean loss by step; of several runs with one standard deviation below and above it."""
    steps, losses = curves(arm)  # (S,), (runs, S)
    columns = [steps, losses.mean(axis=0)]
    if len(losses) > 1:
        sd = losses.std(axis=0, ddof=1)
        columns += [columns[1] - sd, columns[1] + sd]
    points = zip(*(column.tolist() for column in columns), strict=True)
    return {
        "name": f"{arm.name} (n = {len(arm.runs)})",
        "points": thinned(list(points)),
        "dots": True,
    }
