"""`attn train`: a text in, a trained model out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from attn_cli.cli.experiment import check_texts
from attn_cli.cli.flags import given_options, options_from_dataclass
from attn_cli.cli.help import Command
from attn_cli.cli.terminal import notice, result_json
from attn_cli.cli.train_options import TrainOptions
from attn_cli.errors import InputError

if TYPE_CHECKING:
    from attn_cli.training.distributed.world import World
    from attn_cli.training.interrupt import StopSignal
    from attn_cli.training.prepare import PreparedRun
    from attn_cli.training.request import RunRequest
    from attn_cli.training.result import TrainResult


class TrainCommand(Command):
    """`attn train`, where `--resume` may stand alone: an option whose value can be left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, with_bare_resume(args))


def with_bare_resume(args: list[str]) -> list[str]:
    """The arguments, where a `--resume` that no value follows has an empty one."""
    following = [*args[1:], "-"]
    return [
        "--resume=" if word == "--resume" and after.startswith("-") else word
        for word, after in zip(args, following, strict=False)
    ]


@options_from_dataclass
def train(options: TrainOptions) -> None:
    """Train a model on a text, or on the built-in tales.

    Without arguments: on the built-in tales, in about a minute.

    Examples:
      attn train
      attn train my.txt --minutes 2
      attn train names.txt --lines
      attn train surnames.tsv --task classify
    """
    from attn_cli.cli.distributed import distributed, run_to_resume
    from attn_cli.training.distributed.torchrun_env import read_torchrun_env

    env = read_torchrun_env()
    if (code := _train_several(options)) is not None:
        raise typer.Exit(code)
    with distributed(env) as world:
        check_texts(options.text)
        request = run_to_resume(env, world, options.request())
        code = _train(request, options, world)
    raise typer.Exit(code)


def _train_several(options: TrainOptions) -> int | None:
    """Trains a run for each of several seeds; None where a single run is asked for."""
    from attn_cli.cli.experiment import (
        experiment_to_resume,
        refuse_torchrun,
        resume_experiment,
        train_seeds,
    )

    folder = experiment_to_resume(options.resume) if options.seeds is None else None
    if options.seeds is None and folder is None:
        if options.jobs is not None:
            raise InputError("`jobs` is for several runs", "as in: --seeds 4 --jobs 2")
        return None
    refuse_torchrun()
    if folder is not None:
        return resume_experiment(folder, given_options(options), options)
    check_texts(options.text)
    return train_seeds(options, options.seeds or "")


def _train(request: RunRequest, options: TrainOptions, world: World) -> int:
    """Trains a run to its end, or until a signal comes, and reports what came of it.

    Returns:
        The exit code.
    """
    from attn_cli.cli.train_report import report, resume_command, summary, tell_of, tell_of_end
    from attn_cli.text.baselines import text_baselines
    from attn_cli.training.allocator import disable_malloc_trim
    from attn_cli.training.interrupt import StopSignal, ending_signals
    from attn_cli.training.prepare import prepare_run

    def announce() -> None:
        if world.world_size == 1:  # a launcher also ends processes by a signal
            notice("\nstopping after this step; press Ctrl-C again to stop at once")

    disable_malloc_trim()
    with (
        prepare_run(request, options.context.obj, world) as prepared,
        StopSignal(ending_signals(), announce) as stop_signal,
    ):
        corpus, baselines = prepared.corpus, None
        had_ended = prepared.trainer.finished  # there is nothing to train
        if world.is_main and had_ended and not (options.quiet and options.as_json):
            tell_of_end(prepared.notes)
        elif world.is_main and not options.quiet:
            tell_of(corpus, prepared.notes)
        # An encoder sees both sides of what it predicts, which no compressor does.
        compared = prepared.trainer.config.task == "lm"
        if world.is_main and compared and not (options.as_json or had_ended):
            # Before training, so that their second is within the time of `--minutes`.
            baselines = text_baselines(corpus.tokenizer, corpus.train, corpus.validation)
        outcome = _fit(prepared, stop_signal, quiet=options.quiet or had_ended)
    if world.is_main and options.as_json:
        result_json(summary(prepared.run, corpus, outcome))
    elif world.is_main and not had_ended:
        config = prepared.trainer.config
        report(prepared.run, corpus, outcome, baselines, config, prepared.size)
    if world.is_main and outcome.interrupted:
        command = resume_command(prepared.run)
        notice(f"stopped after step {outcome.steps:,}; to resume: {command}")
    # A launcher that sees one process leave may end the others.
    world.barrier()
    return (stop_signal.exit_code or 130) if outcome.interrupted else 0


def _fit(prepared: PreparedRun, stop_signal: StopSignal, *, quiet: bool) -> TrainResult:
    """Trains with a progress bar; a second signal ends the program at once."""
    from attn_cli.cli.progress import IgnoreFurtherSignals, ProgressBar
    from attn_cli.cli.train_report import resume_command
    from attn_cli.training.distributed.world import PeerLostError

    trainer = prepared.trainer
    try:
        callbacks = [ProgressBar(quiet=quiet), IgnoreFurtherSignals(stop_signal)]
        outcome = trainer.fit(callbacks, stop_signal.requested)
    except KeyboardInterrupt:
        if trainer.world.is_main:
            notice(f"stopped at once; to resume: {resume_command(prepared.run)}")
        raise typer.Exit(stop_signal.exit_code or 130) from None
    except PeerLostError:
        stop_signal.ignore()  # torchrun is about to end this process, too.
        raise
    if outcome.interrupted:
        stop_signal.ignore()
    return outcome
