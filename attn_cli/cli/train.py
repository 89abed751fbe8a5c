"""`attn train`: a text in, a trained model out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attn_cli.cli.options import ConfigOption, JsonOption
from attn_cli.cli.terminal import notice, result_json
from attn_cli.errors import InputError

if TYPE_CHECKING:
    from attn_cli.config.load import Override
    from attn_cli.config.schema import Config
    from attn_cli.model.transformer import Transformer
    from attn_cli.runs.folder import RunFolder
    from attn_cli.text.corpus import Corpus
    from attn_cli.training.precision import Precision


def train(
    context: typer.Context,
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]...",
            help="Files, folders, a built-in text (attn data list), or - for standard input.",
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
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, only the result.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a model on a text.

    Without arguments: on the built-in tales, in about a minute.
    """
    from attn_cli.cli.interrupt import Interrupts
    from attn_cli.cli.progress import TrainingProgress
    from attn_cli.cli.train_report import report, summary, tell_of
    from attn_cli.config.load import Override, load_config, parse_override
    from attn_cli.config.presets import DEFAULT, find_config

    if minutes is not None and steps is not None:
        raise InputError("--minutes and --steps exclude each other", "give one of the two")
    overrides = [parse_override(setting) for setting in settings or ()]
    overrides += _flags(text, minutes, steps, device, seed)
    source = find_config(config or DEFAULT)
    settled = load_config(source, overrides)

    from attn_cli.runs.folder import create_run
    from attn_cli.text.corpus import check_length, load_corpus

    corpus = load_corpus(
        settled.data.text,
        settled.data.tokenizer,
        settled.data.unknown,
        settled.data.validation_fraction,
    )

    from attn_cli.training.allocator import keep_freed_memory
    from attn_cli.training.device import choose_device
    from attn_cli.training.micro_batch import choose_micro_batch
    from attn_cli.training.precision import choose_precision
    from attn_cli.training.sizing import choose_size
    from attn_cli.training.trainer import Trainer

    keep_freed_memory()
    chosen_device = choose_device(settled.train.device)
    reasons: tuple[str, ...] = ()
    if settled.train.minutes and config is None and _leaves_size_open(overrides):

        def configure(size: dict[str, Any]) -> Config:
            sized = [Override(key, value, "--minutes") for key, value in size.items()]
            return load_config(source, [*sized, *overrides])

        sizing = choose_size(configure, corpus, 60 * settled.train.minutes, chosen_device)
        settled, reasons = sizing.config, sizing.reasons
    check_length(corpus, settled.model.block_size)
    precision = choose_precision(settled.train.precision, chosen_device)
    run = create_run(out, corpus.name)
    micro_batch = choose_micro_batch(settled, chosen_device)
    settled = _resolved(settled, corpus, run, precision, micro_batch)
    trainer = Trainer(settled, corpus, device=chosen_device, started=context.obj)

    if not quiet:
        tell_of(corpus, reasons)
    if "-" in corpus.sources:
        run.keep_text(corpus.source.chunks())
    run.describe(settled, corpus.tokenizer)
    progress = TrainingProgress(run, _sampler(settled, corpus), quiet=quiet)
    with Interrupts() as interrupts:
        try:
            outcome = trainer.fit(run, progress, interrupts.wanted)
        except KeyboardInterrupt:
            notice(f"\nstopped at once; what was saved is in {run.path}")
            raise
        finally:
            progress.close()
    if as_json:
        result_json(summary(run, outcome))
    else:
        report(run, corpus, outcome, progress.best_sample)
    if interrupts.exit_code is not None:
        raise typer.Exit(interrupts.exit_code)


def _flags(
    text: list[str] | None,
    minutes: float | None,
    steps: int | None,
    device: str | None,
    seed: int | None,
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
    return overrides


def _leaves_size_open(overrides: list[Override]) -> bool:
    """Whether there is a text of the user's, for which nothing of the model is said."""
    keys = {override.key for override in overrides}
    return "data.text" in keys and not any(key.startswith("model.") for key in keys)


def _resolved(
    config: Config, corpus: Corpus, run: RunFolder, precision: Precision, micro_batch: int
) -> Config:
    """The configuration that trains the same again, from any folder."""
    names = list(corpus.sources)
    if "-" in names:
        names = [str(run.text.resolve())]
    return config.model_copy(
        update={
            "data": config.data.model_copy(update={"text": names}),
            "train": config.train.model_copy(
                update={"precision": precision, "micro_batch": micro_batch}
            ),
        }
    )


def _sampler(config: Config, corpus: Corpus) -> Any:
    from attn_cli.generation.engine import write_document
    from attn_cli.generation.sampling import Controls

    sample = config.sample
    controls = Controls(sample.temperature, sample.top_k, sample.top_p)

    def write_sample(model: Transformer, step: int) -> str:
        # The seed is the run's and the step's, so that a sample can be had again.
        seed = config.train.seed + step
        return write_document(
            model, corpus.tokenizer, corpus.start_id, controls, seed, sample.max_new_chars
        ).text

    return write_sample
