"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli import completion
from attn_cli.cli.terminal import notice

if TYPE_CHECKING:
    from attn_cli.runs.loaded_model import TrainedModel


def path_option(value: str) -> Path:
    """The path that a user gave; an empty one, as of an unset variable, would be `.`."""
    if not value:
        raise typer.BadParameter("a path is empty")
    return Path(value)


def run_option(value: str) -> Path:
    """The path of the run that a user named; says which it is where that was a choice."""
    from attn_cli.runs.run_lookup import resolve_run

    path, notes = resolve_run(path_option(value))
    for note in notes:
        notice(note)
    return path


def run_or_group_option(value: str) -> Path:
    """The path of the run or group that a user named; says which where that was a choice."""
    from attn_cli.runs.run_lookup import resolve_name

    path, note = resolve_name(path_option(value))
    if note:
        notice(note)
    return path


def load_runs(run: Path | None) -> list[TrainedModel]:
    """The models of the run or group that a user named; says what there is to say of the choice."""
    from attn_cli.runs.load_model import load_group

    runs, note = load_group(run)
    if note:
        notice(note)
    return runs


TextArgument = Annotated[
    str,
    typer.Argument(
        metavar="TEXT", help="The text to run the model on; for an encoder-decoder, a source."
    ),
]
TargetOption = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT", show_default="what it writes", help="For an encoder-decoder: the target."
    ),
]
OptionalTextArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="TEXT",
        show_default='"Hello", or one in the model\'s script',
        help="The text to run the model on.",
    ),
]
FileArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="FILE",
        autocompletion=completion.text_names,
        show_default="the model's own validation split",
        help="A text.",
    ),
]
PageOption = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        parser=path_option,
        help="Write a page that shows all of it, and runs the model itself.",
    ),
]
_RUN_HELP = (
    "A run's folder, its name or the beginning of it, or a checkpoint's folder; for a group of "
    "several seeds, {}."
)
RunOption = Annotated[
    Path | None,
    typer.Option(
        "--run",
        metavar="RUN",
        parser=run_option,
        autocompletion=completion.run_names,
        show_default="the newest run",
        help=_RUN_HELP.format("its best model"),
    ),
]
RunOrGroupOption = Annotated[
    Path | None,
    typer.Option(
        "--run",
        metavar="RUN",
        parser=run_or_group_option,
        autocompletion=completion.run_names,
        show_default="the newest run",
        help=_RUN_HELP.format("its best model, or for encoder-decoders all of them"),
    ),
]
ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config",
        metavar="CONFIG",
        autocompletion=completion.config_names,
        help="A YAML file, or a name from `attn configs`.",
    ),
]
TrainingConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config",
        metavar="CONFIG",
        autocompletion=completion.config_names,
        show_default="tales, sized for a text of your own",
        help="A YAML file, or a name from `attn configs`.",
    ),
]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        autocompletion=completion.config_settings,
        help="Override a key; may be repeated.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON object on standard output.")
]
LayerOption = Annotated[int | None, typer.Option(min=1, help="One layer, from 1.")]
HeadOption = Annotated[int | None, typer.Option(min=1, help="One head of a layer, from 1.")]
