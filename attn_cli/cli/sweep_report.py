"""What `attn sweep` reports: the leaderboard, and the best arm on fresh seeds."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attn_cli.cli.compare import print_table
from attn_cli.cli.terminal import notice, result
from attn_cli.text.display import counted

if TYPE_CHECKING:
    from attn_cli.experiments.arms import Arm
    from attn_cli.experiments.comparison import Comparison
    from attn_cli.experiments.plan import Plan, PlannedRun

Train = Callable[[Sequence["PlannedRun"]], bool]


def report_sweep(
    folder: Path, plan: Plan, train: Train, *, quiet: bool, as_json: bool
) -> dict[str, Any]:
    """Prints the arms of a sweep, the best first, and confirms the best; returns all as JSON.

    Args:
        folder: Its folder.
        plan: Its plan, of which all runs were trained, or failed.
        train: Trains more runs; False where a stop was asked for.
        quiet: Whether to say nothing but the result.
        as_json: Whether to print nothing.
    """
    from attn_cli.experiments import comparison_text, leaderboard
    from attn_cli.experiments.comparison import compare_arms

    arms = [arm for arm in measured_arms(plan.runs(folder)) if arm.runs]
    record: dict[str, Any] = {"sweep": str(folder), "arms": [], "confirmation": None}
    if not arms:
        return record
    ranked = leaderboard.rank(arms)
    record |= {"best": ranked.arms[0].name, **comparison_text.record(ranked)}
    if not as_json:
        print_table(*leaderboard.board(ranked))
    names = leaderboard.finalists(ranked, plan.arms[0].name) if plan.confirms else []
    if names:
        runs = plan.confirmation(folder, [arm for arm in plan.arms if arm.name in names])
        if not quiet:
            seeds = ", ".join(map(str, plan.fresh_seeds))
            notice(f"again, on fresh seeds ({seeds}): {names[0]}, {names[1]}")
        if not train(runs):
            return record
        confirmed = {arm.name: arm for arm in measured_arms(runs)}
        pair = [confirmed[name] for name in names]
        if all(arm.runs for arm in pair):
            compared = compare_arms(pair)
            record["confirmation"] = comparison_text.record(compared)
            if not as_json:
                _tell_confirmed(compared)
    if not as_json:
        _tell_end(folder, ranked, is_confirmed=bool(names))
    return record


def measured_arms(runs: Sequence[PlannedRun]) -> list[Arm]:
    """The arms of some planned runs, with what was measured of those that have ended."""
    from attn_cli.experiments.arms import Arm
    from attn_cli.experiments.queue import finished_run

    arms: dict[str, list[Any]] = {}
    for each in runs:
        measured = finished_run(each.run)
        found = arms.setdefault(each.arm.name, [])
        if measured is not None and measured.finished:
            found.append(measured)
    return [Arm(name, tuple(found)) for name, found in arms.items()]


def _tell_confirmed(compared: Comparison) -> None:
    from attn_cli.experiments import comparison_text

    (difference,) = compared.differences
    count = counted(len(difference.arm.runs), "fresh seed")
    result(f"the best arm beside {difference.reference.name}, {count} each:")
    for line in comparison_text.difference_lines(difference):
        result(line)
    result()


def _tell_end(folder: Path, ranked: Comparison, *, is_confirmed: bool) -> None:
    for flag in ranked.flags:
        result(f"note: {flag.removeprefix('* ')}")
    if not is_confirmed and len(ranked.arms) > 1:
        result("note: the best of several arms looks better than it is; --confirm runs it again")
    result(f"runs {folder}")
    result(f"next: {next_command(ranked.arms[0])}")


def next_command(arm: Arm) -> str:
    """The command that uses the best model of an arm."""
    from attn_cli.runs.run_lookup import runs_root

    run, root = arm.runs[0], runs_root()
    group = run.run.path.parent
    name = group.relative_to(root) if group.is_relative_to(root) else group
    verb = {"mlm": "fill", "classify": "classify"}.get(run.task, "generate")
    return f"attn {verb} --run {shlex.quote(str(name))}"
