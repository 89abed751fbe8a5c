"""The validation losses of arms over their steps, each with a band, as a figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attn_cli.experiments.arms import Arm
from attn_cli.figures.canvas import Canvas
from attn_cli.figures.curves import Curve, Plot, draw_curves
from attn_cli.figures.loss import FLATTEST
from attn_cli.figures.sheet import Sheet


def draw_arms(canvas: Canvas, arms: Sequence[Arm]) -> None:
    """Draws the mean validation loss of each arm by step, in a band of one standard deviation."""
    of = "example" if arms[0].runs[0].task == "classify" else "character"
    plot = Plot(list(map(_curve, arms)), "steps", f"validation loss, nats per {of}")
    several = any(curve.band is not None for curve in plot.curves)
    spread = "The mean of the seeds, in a band of one standard deviation." if several else ""
    sheet = Sheet("Validation loss", " and ".join(arm.name for arm in arms), [spread] * several)
    draw_curves(canvas, sheet.lay_out(canvas, lambda width, _: FLATTEST * width), plot)


def _curve(arm: Arm) -> Curve:
    steps, losses = curves(arm)  # (S,), (runs, S)
    mean, count = losses.mean(axis=0), len(losses)
    band = None
    if count > 1:
        sd = losses.std(axis=0, ddof=1)
        band = ((mean - sd).tolist(), (mean + sd).tolist())
    return Curve(f"{arm.name}, n = {count}", steps.tolist(), mean.tolist(), band)


def curves(arm: Arm) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The steps at which any run of an arm was evaluated, and the losses of all runs there.

    Between two evaluations a run's loss is interpolated; steps that not all runs have come to
    are left out.

    Returns:
        The steps (S,), and the losses (runs, S).
    """
    known = []
    for run in arm.runs:
        evaluated = [
            (line.step, line.val_loss) for line in run.metrics if line.val_loss is not None
        ]
        if evaluated:
            known.append(np.array(evaluated, dtype=np.float64).T)
    if not known:
        return np.empty(0), np.empty((1, 0))
    first = max(steps[0] for steps, _ in known)
    last = min(steps[-1] for steps, _ in known)
    steps = np.unique(np.concatenate([each for each, _ in known]))
    steps = steps[(steps >= first) & (steps <= last)]
    return steps, np.stack([np.interp(steps, own, losses) for own, losses in known])
