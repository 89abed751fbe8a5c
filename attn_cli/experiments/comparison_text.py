"""A comparison in words and in a table, for readers who know no statistics."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from attn_cli.config.schema import LOWER_IS_BETTER
from attn_cli.experiments.arms import Arm
from attn_cli.experiments.comparison import ArmDifference, Comparison
from attn_cli.experiments.statistics import Summary, pairs_needed
from attn_cli.experiments.text_bootstrap import TextBootstrap
from attn_cli.text.display import counted

HEADINGS = {
    "loss": "val loss", "accuracy": "accuracy", "macro_f1": "macro-F1", "error_rate": "error rate"
}  # fmt: skip
_UNITS = {"loss": " nats"}


def table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """The headings, and a row of cells for each arm."""
    arms, metric = comparison.arms, comparison.metric
    others = [
        name for name in HEADINGS if name != metric and all(arm.summary(name) for arm in arms)
    ]
    in_bits = all(run.bits_per_char is not None for arm in arms for run in arm.runs)
    headings = ["arm", "n", f"{HEADINGS[metric]} (mean ± sd)", "95 % CI", "best"]
    headings += ["bits/char"] * in_bits + [HEADINGS[name] for name in others] + ["s/run"]
    rows = []
    for arm in arms:
        summary = arm.summary(metric)
        assert summary is not None  # all runs have what is compared
        row = [arm.name, str(summary.n), _mean(summary), _interval(summary)]
        row.append(f"{summary.min if metric in LOWER_IS_BETTER else summary.max:.4f}")
        if in_bits:
            row.append(
                f"{np.mean([run.bits_per_char for run in arm.runs if run.bits_per_char]):.4f}"
            )
        row += [_mean(found) for name in others if (found := arm.summary(name))]
        rows.append([*row, _seconds(arm) + " *" * (not comparison.same_machine)])
    return headings, rows


def lines(comparison: Comparison) -> Iterator[str]:
    """What follows the table: each difference and what it means, then what to know of it."""
    n_tests = sum(each.p is not None for each in comparison.differences)
    for each in comparison.differences:
        yield from difference_lines(each, n_tests)
        yield ""
    if not comparison.differences:
        yield "one arm: name another to compare it with"
    for flag in comparison.flags:
        yield f"note: {flag}" if not flag.startswith("*") else flag


def difference_lines(each: ArmDifference, n_tests: int = 1) -> Iterator[str]:
    """How an arm differs from the reference, how sure that is, and what more runs would show."""
    difference, unit = each.difference, _UNITS.get(each.metric, "")
    how = "same seeds" if difference.paired else "Welch"
    line = f"{each.arm.name} − {each.reference.name}, {how}: Δ {signed(difference.delta)}{unit}"
    if each.p is not None and difference.low is not None and difference.high is not None:
        line += f", 95 % CI [{signed(difference.low)}, {signed(difference.high)}], {_p(each.p)}"
        line += f" (Holm, {n_tests} comparisons)" if n_tests > 1 else ""
    if difference.paired:
        line += f", better in {each.n_better} of {difference.n}"
    yield line
    yield f"  {verdict(each)}"
    if difference.detectable is not None:
        seen = f"{difference.n} pairs" if difference.paired else f"{difference.n} runs each"
        yield f"  smallest Δ that {seen} can show (80 % power): {difference.detectable:.4f}{unit}"
    yield f"  differing settings: {settings_text(each.settings)}"


def verdict(each: ArmDifference) -> str:
    """What a difference means, in a sentence."""
    arm, reference, difference = each.arm.name, each.reference.name, each.difference
    seeds = counted(difference.n, "seed") if difference.paired else counted(difference.n, "run")
    direction = "better" if each.is_better else "worse"
    if each.p is None:
        did = f"did {direction} than" if difference.delta else "did the same as"
        return (
            f"{arm} {did} {reference}, but without several runs of each it is not known how much "
            "another seed would change: attn train --seeds 5"
        )
    if each.is_certain:
        return (
            f"{arm} is {direction} than {reference}: were they equal, chance would show so large "
            f"a difference in {_chance(each.p)} such comparisons"
        )
    line = f"{arm} and {reference} cannot be told apart with {seeds}"
    needed = pairs_needed(difference)
    if needed is not None and needed > difference.n:
        line += f"; if Δ is as large as it looks, about {needed} seeds would show it"
    return line


def text_lines(reference: str, other: str, found: TextBootstrap | str) -> Iterator[str]:
    """What the validation text says about two single models, and what it does not.

    Args:
        reference: The name of the first.
        other: The name of the second.
        found: What was measured, or why nothing could be.
    """
    if isinstance(found, str):
        yield f"the validation text: {found}"
        return
    interval = f"[{signed(found.low)}, {signed(found.high)}]"
    told = "long enough" if found.is_certain else "not long enough"
    yield (
        f"{other} − {reference} on {found.chars:,} characters of the validation text: "
        f"Δ {signed(found.delta)} nats, "
        f"95 % CI {interval} (bootstrap, blocks of {found.block:,})"
    )
    yield f"  the text is {told} to tell these two models apart"
    yield (
        "  this is about these two models on more such text, not about their settings: for those, "
        "train several seeds of each"
    )


def all_lines(comparison: Comparison, on_text: TextBootstrap | str | None) -> Iterator[str]:
    """What follows the table; of two single runs, what the text says about them as well."""
    yield from lines(comparison)
    if on_text is not None:
        (other,) = comparison.differences
        yield from text_lines(comparison.reference.name, other.arm.name, on_text)


def settings_text(settings: dict[str, tuple[Any, Any]]) -> str:
    """Keys with both values, as `model.position learned → rope`."""
    return ", ".join(f"{key} {a} → {b}" for key, (a, b) in settings.items()) or "none"


def markdown(comparison: Comparison, on_text: TextBootstrap | str | None = None) -> str:
    """The table and the lines after it, as Markdown."""
    headings, rows = table(comparison)
    sides = ["---" if number == 0 else "---:" for number in range(len(headings))]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (headings, sides, *rows)]
    told = list(all_lines(comparison, on_text))
    listed = [f"- {line.strip()}" for line in told if line]
    return "\n".join([*("| " + " | ".join(row) + " |" for row in cells), "", *listed])


def as_csv(comparison: Comparison) -> str:
    """A line for each arm, with its difference from the reference, numbers in full."""
    buffer = io.StringIO()
    rows = record(comparison)["arms"]
    for row in rows:
        row |= {f"difference_{key}": value for key, value in (row.pop("difference") or {}).items()}
        for key in ("settings", "runs", "seeds", "difference_settings", "difference_seeds"):
            row.pop(key, None)
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().rstrip("\n")


def record(comparison: Comparison) -> dict[str, Any]:
    """The comparison as JSON."""
    differences = {each.arm.name: each for each in comparison.differences}
    return {
        "metric": comparison.metric,
        "reference": comparison.reference.name,
        "arms": [
            _arm_record(arm, comparison.metric, differences.get(arm.name))
            for arm in comparison.arms
        ],
        "flags": list(comparison.flags),
        "same_machine": comparison.same_machine,
    }


def _arm_record(arm: Arm, metric: str, difference: ArmDifference | None) -> dict[str, Any]:
    summary = arm.summary(metric)
    bits = [run.bits_per_char for run in arm.runs if run.bits_per_char is not None]
    return {
        "arm": arm.name,
        **(asdict(summary) if summary else {}),
        **{
            name: found.mean
            for name in HEADINGS
            if name != metric and (found := arm.summary(name)) is not None
        },
        **({"bits_per_char": float(np.mean(bits))} if bits else {}),
        "seconds": float(np.mean([run.seconds for run in arm.runs])),
        "seeds": arm.seeds,
        "runs": [str(run.run.path) for run in arm.runs],
        "difference": difference and _difference_record(difference),
    }


def _difference_record(each: ArmDifference) -> dict[str, Any]:
    return {
        **asdict(each.difference),
        "p": each.p,
        "better": each.n_better if each.difference.paired else None,
        "verdict": verdict(each),
        "settings": {key: list(values) for key, values in each.settings.items()},
    }


def signed(number: float) -> str:
    """A difference, with its sign."""
    return f"{number:+.4f}".replace("-", "−")


def _mean(summary: Summary) -> str:
    spread = "" if summary.sd is None else f" ± {summary.sd:.4f}"
    return f"{summary.mean:.4f}{spread}"


def _interval(summary: Summary) -> str:
    return "-" if summary.low is None else f"[{summary.low:.4f}, {summary.high:.4f}]"


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}" if p < 0.1 else f"p = {p:.2f}"


def _chance(p: float) -> str:
    if p < 0.01:
        return f"fewer than 1 of {100 if p >= 0.001 else 1000}"
    return f"about {100 * p:.0f} of 100"


def _seconds(arm: Arm) -> str:
    return f"{np.mean([run.seconds for run in arm.runs]):.1f}"
