"""`attn sweep`: which of several settings is best, over several seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli import completion
from attn_cli.cli.flags import given_options, options_from_dataclass
from attn_cli.cli.terminal import result, result_json
from attn_cli.cli.train_options import RunOptions
from attn_cli.errors import InputError
from attn_cli.text.display import counted

if TYPE_CHECKING:
    from attn_cli.experiments.new_experiment import NewExperiment


@dataclass(frozen=True)
class SweepOptions(RunOptions):
    """What `attn sweep` was called with."""

    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=A,B|LOW..HIGH",
            autocompletion=completion.config_settings,
            help="Values to try, or with --random a range to draw from; may be repeated. "
            "A single value applies to all runs.",
        ),
    ] = None
    seeds: Annotated[
        str,
        typer.Option(
            "--seeds", metavar="N|A,B,C", help="How many seeds each arm is trained with, or which."
        ),
    ] = "3"
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", show_default="1", help="Train this many runs at once."),
    ] = None
    random: Annotated[
        int | None,
        typer.Option(
            "--random", metavar="N", help="Draw N arms at random, instead of all combinations."
        ),
    ] = None
    confirms: Annotated[
        bool,
        typer.Option(
            "--confirm/--no-confirm",
            help="Run the best arm and the first one again on fresh seeds, and compare those.",
        ),
    ] = True
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the arms without training any.")
    ] = False


@options_from_dataclass
def sweep(options: SweepOptions) -> None:
    """Try several settings; confirm the best with new seeds.

    The best of many looks better than it is. It is run again on fresh seeds, beside the first
    arm (or the second best, where the first is the best), and only those runs are compared.

    Examples:
      attn sweep --set model.n_head=2,4 --set model.dropout=0,0.1 --seeds 3
      attn sweep my.txt --random 10 --set train.learning_rate=1e-4..1e-2
    """
    from attn_cli.cli.experiment import (
        experiment_to_resume,
        refuse_torchrun,
        resume_experiment,
        run_experiment,
    )

    refuse_torchrun()
    if options.resume is not None:
        folder = experiment_to_resume(options.resume)
        if folder is None:
            raise InputError(f"there is no sweep {options.resume}".rstrip(), "see: attn runs")
        raise typer.Exit(resume_experiment(folder, given_options(options), options))
    new = _new_sweep(options)
    if options.dry_run:
        _list_arms(new, as_json=options.as_json)
        return
    folder, plan = new.create()
    raise typer.Exit(run_experiment(folder, plan, quiet=options.quiet, as_json=options.as_json))


def _new_sweep(options: SweepOptions) -> NewExperiment:
    """The arms that the options stand for, with all settings checked."""
    from attn_cli.cli.experiment import check_texts
    from attn_cli.experiments.grid import make_arms, parse_setting, varying
    from attn_cli.experiments.new_experiment import check_experiment
    from attn_cli.experiments.plan import parse_seeds
    from attn_cli.training.new_run import run_config

    check_texts(options.text)
    differing, same = varying([parse_setting(each) for each in options.settings or ()])
    arms = make_arms(differing, options.random)
    request = options.make_request(same)
    default_seed = run_config(request)[0].train.seed
    seeds = parse_seeds(options.seeds, options.seed, default_seed)
    jobs = 1 if options.jobs is None else options.jobs
    return check_experiment(request, seeds, arms, jobs=jobs, confirms=options.confirms)


def _list_arms(new: NewExperiment, *, as_json: bool) -> None:
    plan = new.plan
    if as_json:
        arms = [{"arm": arm.name, "settings": dict(arm.settings)} for arm in plan.arms]
        result_json({"arms": arms, "seeds": list(plan.seeds)})
        return
    for arm in plan.arms:
        result(arm.name)
    runs = counted(len(plan.arms) * len(plan.seeds), "run")
    result(f"{counted(len(plan.arms), 'arm')}, {counted(len(plan.seeds), 'seed')} each: {runs}")
