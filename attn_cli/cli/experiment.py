"""An experiment as the command line runs it: `attn train --seeds`, `attn sweep`, and resuming."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attn_cli.cli.run_or_text import check_text_is_no_run
from attn_cli.cli.terminal import notice, result, result_json
from attn_cli.errors import InputError
from attn_cli.text.display import counted

if TYPE_CHECKING:
    from attn_cli.cli.train_options import TrainOptions
    from attn_cli.experiments.plan import Plan, PlannedRun

_WITH_RESUME = {"context", "resume", "jobs", "quiet", "as_json"}


def check_texts(names: Sequence[str] | None) -> None:
    """Refuses a run where the name of a text is wanted."""
    for name in names or ():
        check_text_is_no_run(
            name,
            "to resume it: attn train --resume RUN; "
            "to begin with its weights: attn train TEXT --init-from RUN",
        )


def refuse_torchrun() -> None:
    """Refuses to train several runs in one of several processes that should train one."""
    from attn_cli.training.distributed.torchrun_env import read_torchrun_env

    if read_torchrun_env() is not None:
        raise InputError(
            "torchrun trains one run by several processes, and none with several seeds",
            "start attn without torchrun, or one run at a time",
        )


def train_seeds(options: TrainOptions, seeds: str) -> int:
    """Trains a group, a run for each seed, and returns the exit code."""
    from attn_cli.experiments.new_experiment import check_experiment
    from attn_cli.experiments.plan import parse_seeds
    from attn_cli.training.new_run import run_config

    if options.resume is not None:
        raise InputError("`seeds` and `resume` exclude each other", "a plan has its seeds already")
    request = options.request()
    numbers = parse_seeds(seeds, options.seed, run_config(request)[0].train.seed)
    new = check_experiment(request, numbers, jobs=1 if options.jobs is None else options.jobs)
    folder, plan = new.create()
    return run_experiment(folder, plan, quiet=options.quiet, as_json=options.as_json)


def experiment_to_resume(name: str | None) -> Path | None:
    """The folder of the experiment that `--resume` names; None where it is a run, or nothing."""
    from attn_cli.runs.run_group import EXPERIMENT_FILE
    from attn_cli.runs.run_lookup import find_newest, resolve_name, runs_root

    if name is None:
        return None
    paths, note = [Path(name), runs_root() / name], ""
    if not name:
        newest = find_newest(trained=False)
        paths = [] if newest is None else [newest.path]
    elif not any(path.exists() for path in paths):
        path, note = resolve_name(Path(name), trained=False)
        paths = [path]
    for path in paths:
        if (path / EXPERIMENT_FILE).is_file():  # of which perhaps no run has begun
            if note:
                notice(note)
            return path
    return None


def resume_experiment(folder: Path, given: set[str], options: Any) -> int:
    """Trains what is not done of an experiment, and returns the exit code.

    Args:
        folder: Its folder.
        given: The options that the user gave.
        options: Their values.
    """
    from dataclasses import replace

    from attn_cli.experiments.plan import read_plan

    if others := sorted(given - _WITH_RESUME):
        raise InputError(
            f"{folder} is resumed as it was planned, without `{others[0]}`",
            "leave it out, or train another",
        )
    plan = read_plan(folder)
    if options.jobs is not None:
        plan = replace(plan, jobs=options.jobs)
    return run_experiment(folder, plan, quiet=options.quiet, as_json=options.as_json)


def run_experiment(folder: Path, plan: Plan, *, quiet: bool, as_json: bool) -> int:
    """Trains the runs of a plan that are not finished, and reports what came of all.

    Returns:
        The exit code: 1 where a run failed; that of the signal that ended it.
    """
    from attn_cli.cli.sweep_report import report_sweep
    from attn_cli.experiments.queue import RunQueue, finished_run, lock_experiment
    from attn_cli.training.interrupt import StopSignal, ending_signals

    def tell(line: str) -> None:
        if not quiet:
            notice(line)

    def train(runs: Sequence[PlannedRun]) -> bool:
        """Trains runs; False where a stop was asked for, at once where it was asked twice."""
        try:
            queue.train(runs)
        except KeyboardInterrupt:
            stop_signal.ignore()
            queue.end()
        return not stop_signal.requested()

    runs, record = plan.runs(folder), dict[str, Any]()
    with lock_experiment(folder), StopSignal(ending_signals()) as stop_signal:
        left = sum(finished_run(each.run) is None for each in runs)
        tell(f"{folder}: {counted(len(runs), 'run')}, " + (f"{left} to train" if left else "ended"))
        if plan.jobs > 1 and left:
            tell(
                f"{plan.jobs} at once share the cores: times cannot be compared with those of "
                "single runs"
            )
        queue = RunQueue(folder, plan, quiet=quiet, tell=tell, stop_wanted=stop_signal.requested)
        if train(runs) and plan.is_sweep:
            record = report_sweep(folder, plan, train, quiet=quiet, as_json=as_json)
        elif not plan.is_sweep:
            record = _report_group(folder, plan, as_json=as_json)
    interrupted = stop_signal.requested()
    if as_json:
        failed = [str(each.run.path) for each in queue.failed]
        result_json({**record, "failed": failed, "interrupted": interrupted})
    for planned in queue.failed:
        notice(f"failed: {planned.title}, {planned.run.path}")
    again = f"attn train --resume {shlex.quote(str(folder))}"
    if interrupted:
        notice(f"stopped; to resume: {again}")
        return stop_signal.exit_code or 130
    if queue.failed:
        notice(f"to try again: {again}")
    return 1 if queue.failed else 0


def _report_group(folder: Path, plan: Plan, *, as_json: bool) -> dict[str, Any]:
    """Prints what the seeds of a group came to, and returns it as JSON."""
    from attn_cli.cli.sweep_report import measured_arms, next_command
    from attn_cli.experiments import group_text

    (arm,) = measured_arms(plan.runs(folder))
    if arm.runs and not as_json:
        for line in group_text.lines(arm):
            result(line)
        result(f"runs {folder}")
        result(f"next: {next_command(arm)}")
    return {"group": str(folder), **group_text.record(arm)}
