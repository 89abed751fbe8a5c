"""`attn train`: a text in, a trained model out."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from attn_cli.cli.options import ConfigOption, JsonOption
from attn_cli.cli.terminal import notice, result_json
from attn_cli.errors import InputError

if TYPE_CHECKING:
    from attn_cli.config.load import Override
    from attn_cli.config.schema import Config
    from attn_cli.model.transformer import Transformer
    from attn_cli.training.distributed.world import World
    from attn_cli.training.setup import Session


# For a text of the user's, where nothing says when the run ends.
DEFAULT_MINUTES = 1.0


class TrainCommand(TyperCommand):
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


def train(
    context: typer.Context,
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]...",
            help="Files, folders, hf:PATH:COLUMN of a data set, a built-in text (attn data list), "
            "or - for standard input.",
        ),
    ] = None,
    config: ConfigOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key; may be repeated."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The run's folder; a new one under runs/ if left out."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Train for this long, and end on time.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", help="Train for this many optimizer steps.")
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="auto|cpu|cuda|mps", help="Where to compute.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Another seed, another model.")] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="[DIR]",
            help="Resume a run that was stopped; by default the newest one.",
        ),
    ] = None,
    init_from: Annotated[
        str | None,
        typer.Option("--init-from", metavar="RUN", help="Begin with the weights of another run."),
    ] = None,
    loggers: Annotated[
        list[str] | None,
        typer.Option(
            "--logger",
            metavar="csv|tensorboard|trackio|wandb",
            help="Log there, too, beside metrics.jsonl; may be repeated.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, only the result.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a model on a text.

    Without arguments: on the built-in tales, in about a minute.
    """
    from attn_cli.cli.distributed import distributed, run_to_resume
    from attn_cli.config.load import parse_override
    from attn_cli.training.distributed.torchrun_env import read_torchrun_env

    env = read_torchrun_env()
    with distributed(env) as world:
        for one, other, given in (
            ("--minutes", "--steps", minutes is not None and steps is not None),
            ("--resume", "--out", resume is not None and out is not None),
            ("--resume", "--init-from", resume is not None and init_from is not None),
        ):
            if given:
                raise InputError(f"{one} and {other} exclude each other", "give one of the two")
        overrides = [parse_override(setting, f"--set {setting}") for setting in settings or ()]
        overrides += _flags(text, minutes, steps, device, seed, loggers)
        resume = run_to_resume(env, world, resume, out)
        if resume is None:
            opened = _begun(config, overrides, out, init_from, context.obj, world)
        else:
            opened = _resumed(resume, config, overrides, context.obj, world)
        code = _train(opened, world, quiet=quiet, as_json=as_json)
    raise typer.Exit(code)


def _begun(
    config: str | None,
    overrides: list[Override],
    out: Path | None,
    init_from: str | None,
    started: float,
    world: World,
) -> AbstractContextManager[Session]:
    """A new run."""
    from attn_cli.config.load import Override, load_config
    from attn_cli.config.presets import DEFAULT, find_config
    from attn_cli.runs.loggers.logger import require_loggers

    source = find_config(config or DEFAULT)
    size_open = config is None and _leaves_size_open(overrides)
    if size_open and init_from is None and not _says_how_long(overrides):
        overrides.append(Override("train.minutes", DEFAULT_MINUTES, "TEXT"))
    settled = load_config(source, overrides)
    require_loggers(settled.train.loggers)

    from attn_cli.training.setup import begun, init_checkpoint, settings_from

    def configure(chosen: dict[str, Any], origin: str) -> Config:
        beneath = [Override(key, value, origin) for key, value in chosen.items()]
        return load_config(source, [*beneath, *overrides])

    start = None
    if init_from is not None:
        start = init_checkpoint(init_from)
        settled = configure(settings_from(start), f"--init-from {init_from}")
    elif settled.train.init_from:
        start = init_checkpoint(settled.train.init_from)
    return begun(
        settled,
        out,
        started,
        resize=partial(configure, origin="--minutes") if size_open else None,
        start=start,
        world=world,
    )


def _resumed(
    where: str,
    config: str | None,
    overrides: list[Override],
    started: float,
    world: World,
) -> AbstractContextManager[Session]:
    """A run that was stopped; `where` is empty for the newest one."""
    from attn_cli.config.load import load_config
    from attn_cli.config.presets import find_config
    from attn_cli.runs.loggers.logger import require_loggers
    from attn_cli.runs.run_lookup import find_run, newest_run

    run = find_run(Path(where)) if where else newest_run()
    source = run.config if config is None else find_config(config)
    # A checkpoint has the configuration, too: a run can be resumed without its config.yaml.
    wanted = load_config(source, overrides) if source.is_file() else None
    if wanted is None and overrides:
        raise InputError(f"{run.config} is missing", "leave the other options out: --resume alone")
    if wanted is not None:
        require_loggers(wanted.train.loggers)

    from attn_cli.training.resume import resumed

    return resumed(run, wanted, {override.key for override in overrides}, started, world)


def _train(
    opened: AbstractContextManager[Session], world: World, *, quiet: bool, as_json: bool
) -> int:
    """Trains a run to its end, or until a signal comes, and says what came of it.

    Returns:
        What to leave with.
    """
    from attn_cli.cli.interrupt import StopSignal
    from attn_cli.cli.progress import TrainingProgress
    from attn_cli.cli.train_report import report, resume_command, summary, tell_of
    from attn_cli.training.allocator import disable_malloc_trim
    from attn_cli.training.callbacks import NullCallback
    from attn_cli.training.distributed.world import PeerLostError

    disable_malloc_trim()
    with opened as session, StopSignal(quiet=world.world_size > 1) as stop_signal:
        run, trainer = session.run, session.trainer
        if world.is_main and not quiet:
            tell_of(session.corpus, session.notes)

        def write_sample(model: Transformer, step: int) -> str:
            # The seed is the run's and the step's, so that a sample can be had again.
            return trainer.objective.sample(model, trainer.config.train.seed + step)

        progress = TrainingProgress(
            run, trainer.config, write_sample, first_step=trainer.step, quiet=quiet
        )
        try:
            outcome = trainer.fit(
                run, progress if world.is_main else NullCallback(), stop_signal.requested
            )
            stop_signal.close()
        except KeyboardInterrupt:
            if world.is_main:
                notice(f"stopped at once; to resume: {resume_command(run)}")
            raise typer.Exit(stop_signal.exit_code or 130) from None
        except PeerLostError:
            stop_signal.ignore()  # torchrun is about to end this process, too.
            raise
        finally:
            progress.close()
    if world.is_main:
        if as_json:
            result_json(summary(run, session.corpus, outcome))
        else:
            report(run, session.corpus, outcome)
        if outcome.interrupted:
            notice(f"stopped after step {outcome.steps:,}; to resume: {resume_command(run)}")
    # A launcher that sees one process leave may end the others.
    world.barrier()
    return (stop_signal.exit_code or 130) if outcome.interrupted else 0


def _flags(
    text: list[str] | None,
    minutes: float | None,
    steps: int | None,
    device: str | None,
    seed: int | None,
    loggers: list[str] | None,
) -> list[Override]:
    """The options that stand for a key of the configuration."""
    from attn_cli.config.load import Override

    flags: dict[str, tuple[str, Any]] = {
        "train.steps": ("--steps", steps),
        "train.minutes": ("--minutes", minutes),
        "train.device": ("--device", device),
        "train.seed": ("--seed", seed),
    }
    overrides = [
        Override(key, value, f"{flag} {value}")
        for key, (flag, value) in flags.items()
        if value is not None
    ]
    if steps is not None:
        overrides.append(Override("train.minutes", None, "--steps"))
    if text:
        overrides.append(Override("data.text", text, "TEXT"))
    if loggers:
        overrides.append(
            Override("train.loggers", loggers, f"--logger {' --logger '.join(loggers)}")
        )
    return overrides


def _leaves_size_open(overrides: list[Override]) -> bool:
    """Whether there is a text of the user's, for which nothing of the model is said."""
    from attn_cli.config.presets import DEFAULT

    values = {override.key: override.value for override in overrides}
    own = "data.text" in values and values["data.text"] not in (DEFAULT, [DEFAULT])
    return own and not any(key.startswith("model.") for key in values)


def _says_how_long(overrides: list[Override]) -> bool:
    """Whether the user says when the run ends."""
    ends = {"train.minutes", "train.steps", "train.max_epochs"}
    return any(override.key in ends for override in overrides)
