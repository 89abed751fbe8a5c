"""What the runs of a group came to, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from attn_cli.experiments.arms import Arm
from attn_cli.experiments.comparison_text import HEADINGS
from attn_cli.experiments.measurement import Measurement
from attn_cli.runs.metrics import nats_to_bits
from attn_cli.text.display import counted


def lines(arm: Arm) -> Iterator[str]:
    """What was measured of at least one run: mean, spread and interval, the best and the worst."""
    for metric, heading in HEADINGS.items():
        summary = arm.summary(metric)
        if summary is None:
            continue
        line = f"{heading} {summary.mean:.4f}"
        if summary.sd is not None:
            line += f" ± {summary.sd:.4f} (mean ± sd of {counted(summary.n, 'seed')})"
            line += f", 95 % CI [{summary.low:.4f}, {summary.high:.4f}]"
        if metric == "loss" and arm.runs[0].bits_per_char is not None:
            line += f"; {nats_to_bits(summary.mean):.4f} bits"
        yield line
    ranked = sorted((run.val_loss, run.seed) for run in arm.runs if run.val_loss is not None)
    if len(ranked) > 1:
        (best, best_seed), (worst, worst_seed) = ranked[0], ranked[-1]
        yield f"best {best:.4f} (seed {best_seed}), worst {worst:.4f} (seed {worst_seed})"
    seconds = sum(run.seconds for run in arm.runs)
    yield (
        f"{arm.runs[0].parameters:,} parameters, {counted(len(arm.runs), 'run')}, {seconds:.0f} s"
    )


def record(arm: Arm) -> dict[str, Any]:
    """Each run, and all that was measured in short."""
    summaries = {metric: arm.summary(metric) for metric in HEADINGS}
    return {
        "runs": [run_record(run) for run in arm.runs],
        "summary": {
            f"val_{metric}": asdict(summary)
            for metric, summary in summaries.items()
            if summary is not None
        },
    }


def run_record(run: Measurement) -> dict[str, Any]:
    """A run as `attn train --json` describes it."""
    return {
        "run": str(run.run.path),
        "seed": run.seed,
        "steps": run.steps,
        "chars": run.chars,
        "seconds": round(run.seconds, 3),
        "parameters": run.parameters,
        "val_loss": run.val_loss,
        "val_bits_per_char": run.bits_per_char,
        "best_step": run.state.best_step,
        **{f"val_{metric}": value for metric, value in run.right.items()},
    }
