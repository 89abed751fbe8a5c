"""The options of `attn train`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli import completion
from attn_cli.cli.options import JsonOption, SettingsOption, TrainingConfigOption, path_option

if TYPE_CHECKING:
    from attn_cli.config.load import Override
    from attn_cli.training.request import RunRequest


@dataclass(frozen=True)
class RunOptions:
    """What `attn train` or `attn sweep` was called with."""

    context: typer.Context
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT",
            show_default="the config's",
            autocompletion=completion.text_names,
            help="Files, folders, hf:PATH:COLUMN of a data set, a built-in text (attn data list), "
            "or - for standard input.",
        ),
    ] = None
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            metavar="lm|mlm|classify|seq2seq",
            show_default="the config's, else lm",
            autocompletion=completion.one_of("lm", "mlm", "classify", "seq2seq"),
            help="lm: a decoder, which writes text; mlm: an encoder, which fills blanks; "
            "classify: a classifier, which labels texts; seq2seq: an encoder-decoder, which writes "
            "a target for a source.",
        ),
    ] = None
    config: TrainingConfigOption = None
    settings: SettingsOption = None
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            parser=path_option,
            show_default="a new folder in runs/",
            help="The run's folder.",
        ),
    ] = None
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name the run: its folder is runs/NAME."),
    ] = None
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes",
            show_default="the config's; 1 for a text of your own",
            help="Train for this long, and end on time.",
        ),
    ] = None
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            show_default="the config's",
            help="Train for this many optimizer steps.",
        ),
    ] = None
    device: Annotated[
        str | None,
        typer.Option(
            "--device",
            metavar="auto|cpu|cuda|mps",
            autocompletion=completion.one_of("auto", "cpu", "cuda", "mps"),
            show_default="the config's, else auto",
            help="Where to compute.",
        ),
    ] = None
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            show_default="the config's, else 1337",
            help="Seed of initialisation, data order and dropout.",
        ),
    ] = None
    seeds: Annotated[
        str | None,
        typer.Option(
            "--seeds",
            metavar="N|A,B,C",
            help="Train one run per seed, for N seeds or these; report their mean and spread.",
        ),
    ] = None
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            metavar="N",
            show_default="1",
            help="With --seeds: train this many runs at once.",
        ),
    ] = None
    lines: Annotated[
        bool,
        typer.Option(
            "--lines", help="Learn each line of the text by itself, as in a list of names."
        ),
    ] = False
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="[RUN]",
            autocompletion=completion.run_names,
            help="Resume a run or a group that was stopped: without a name, the newest.",
        ),
    ] = None
    init_from: Annotated[
        str | None,
        typer.Option(
            "--init-from",
            metavar="RUN",
            autocompletion=completion.run_names,
            help="Begin with the weights of another run.",
        ),
    ] = None
    loggers: Annotated[
        list[str] | None,
        typer.Option(
            "--logger",
            metavar="csv|tensorboard|trackio|wandb",
            autocompletion=completion.one_of("csv", "tensorboard", "trackio", "wandb"),
            help="Log there as well as to metrics.jsonl; may be repeated.",
        ),
    ] = None
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, only the result.")] = False
    as_json: JsonOption = False

    def make_request(
        self,
        settings: Iterable[Override],
        more_minutes: float | None = None,
        more_steps: int | None = None,
    ) -> RunRequest:
        """What to train.

        Raises:
            InputError: Two options exclude each other.
        """
        from attn_cli.training.request import make_request

        return make_request(
            self.text or (),
            task=self.task,
            config=self.config,
            settings=settings,
            out=self.out,
            name=self.name,
            minutes=self.minutes,
            steps=self.steps,
            device=self.device,
            seed=self.seed,
            lines=self.lines,
            resume=self.resume,
            more_minutes=more_minutes,
            more_steps=more_steps,
            init_from=self.init_from,
            loggers=self.loggers or (),
        )


@dataclass(frozen=True)
class TrainOptions(RunOptions):
    """What `attn train` was called with."""

    more_minutes: Annotated[
        float | None,
        typer.Option(
            "--more-minutes",
            help="With --resume: train for this many more minutes, even after its end.",
        ),
    ] = None
    more_steps: Annotated[
        int | None,
        typer.Option("--more-steps", help="With --resume: train for this many more steps."),
    ] = None

    def request(self) -> RunRequest:
        """What to train.

        Raises:
            InputError: Two options exclude each other, or a setting cannot be read.
        """
        from attn_cli.config.load import parse_override

        settings = [
            parse_override(each, f"--set {each or repr(each)}") for each in self.settings or ()
        ]
        return self.make_request(settings, self.more_minutes, self.more_steps)
