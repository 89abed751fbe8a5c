"""`attn explain`: a lesson on attention, with the numbers of a real forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli.completion import run_names
from attn_cli.cli.lesson_reader import Reading
from attn_cli.cli.options import (
    ConfigOption,
    HeadOption,
    JsonOption,
    LayerOption,
    RunOption,
    path_option,
    run_option,
)
from attn_cli.cli.run_or_text import check_not_empty, encode_text
from attn_cli.cli.terminal import notice, result_json
from attn_cli.cli.working import working

if TYPE_CHECKING:
    from attn_cli.runs.loaded_model import LoadedModel

FRESH = (
    "This model has not been trained: its weights are small random numbers, and what its heads "
    "look at has no meaning yet. The arithmetic is the same."
)

TITLE = "Attention, step by step"  # of the page

FollowedArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="TEXT",
        show_default='"Hello", or one in the model\'s script',
        help="Text to follow; for an encoder-decoder, a source.",
    ),
]
BesideOption = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN",
        autocompletion=run_names,
        parser=run_option,
        help="A decoder's run, to show beside an encoder on the same text.",
    ),
]
TinyOption = Annotated[
    bool,
    typer.Option("--tiny", help="Explain a handmade model, small enough for a calculator."),
]
StepOption = Annotated[
    int | None, typer.Option("--step", metavar="N", min=1, help="Show step N alone.")
]
FromOption = Annotated[
    int | None, typer.Option("--from", metavar="N", min=1, help="Begin at step N.")
]
ContentsOption = Annotated[bool, typer.Option("--contents", help="List the steps, and stop.")]
AllOption = Annotated[
    bool, typer.Option("--all", help="Print all steps at once, without waiting for Enter.")
]
HtmlOption = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        parser=path_option,
        help="Write the lesson as an HTML page in which the model runs.",
    ),
]


@working("computing the lesson")
def explain(
    text: FollowedArgument = None,
    run: RunOption = None,
    config: ConfigOption = None,
    tiny: TinyOption = False,
    beside: BesideOption = None,
    layer: LayerOption = None,
    head: HeadOption = None,
    step: StepOption = None,
    start: FromOption = None,
    contents: ContentsOption = False,
    show_all: AllOption = False,
    html: HtmlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain attention step by step, with a model's numbers.

    The numbers are from one forward pass: of the newest run, of --run, of a --config with fresh
    weights, or of the --tiny model. Follows head 1 of layer 1, or --layer and --head. An encoder
    fills a blank of the text, as in "He_lo"; without one, the character in the middle is hidden.
    For an encoder-decoder, the text is a source, whose target it writes.

    In a terminal, Enter goes to the next step, b back, a number to that step, and q ends.

    Examples:
      attn explain "The owl met the fox"
      attn explain --tiny --all
    """
    from attn_cli.inspection.handmade_model import STORY
    from attn_cli.inspection.lesson.build import lesson_on
    from attn_cli.runs.loaded_model import TrainedModel

    reading = Reading(step, start, contents, show_all, html)
    loaded = _model(run, config, tiny=tiny)
    if loaded.config.task == "seq2seq":
        _explain_pair(loaded, text, beside, reading, layer, head, as_json=as_json)
        return
    decoder = None if beside is None else _decoder(beside, loaded)
    layer, head = loaded.select("layer", layer)[0], loaded.select("head", head)[0]
    ids = _tiny_ids(loaded, text) if tiny else encode_text(loaded, text, "attn explain")
    foreword = STORY if tiny else "" if isinstance(loaded, TrainedModel) else FRESH
    ids, steps = lesson_on(
        loaded, ids, layer=layer - 1, head=head - 1, foreword=foreword, decoder=decoder
    )
    if html is not None:
        from attn_cli.cli.page_file import write_page

        write_page(
            html, loaded, ids, layer=layer, head=head, title=TITLE, lesson=steps, as_json=as_json
        )
    elif as_json:
        result_json(_record(loaded, ids) | reading.record(steps))
    else:
        numbers = reading.numbers(len(steps))
        notice(loaded.describe(ids))
        reading.show(steps, numbers)


def _explain_pair(
    loaded: LoadedModel,
    source: str | None,
    beside: Path | None,
    reading: Reading,
    layer: int | None,
    head: int | None,
    *,
    as_json: bool,
) -> None:
    """The lesson on an encoder-decoder, whose target looks at its source."""
    from attn_cli.inspection.lesson.pairs import pair_lesson
    from attn_cli.inspection.pair_pass import describe_pair, own_source, pair_pass
    from attn_cli.runs.loaded_model import TrainedModel

    if beside is not None:
        loaded.require("mlm", "`beside`")
    layer, head = loaded.select("layer", layer)[0], loaded.select("head", head)[0]
    activations = pair_pass(loaded, own_source(loaded) if source is None else source)
    foreword = "" if isinstance(loaded, TrainedModel) else FRESH
    steps = pair_lesson(
        activations, loaded.tokenizer, layer=layer - 1, head=head - 1, foreword=foreword
    )
    if reading.html is not None:
        from attn_cli.cli.page_file import write_translation_page

        source_ids = activations.source_ids[:-1]
        write_translation_page(
            reading.html,
            loaded,
            source_ids,
            layer=layer,
            head=head,
            title=TITLE,
            lesson=steps,
            as_json=as_json,
        )
    elif as_json:
        target = "".join(loaded.symbols(activations.ids[1:]))
        record = _record(loaded, activations.source_ids[:-1]) | {"target": target}
        result_json(record | reading.record(steps))
    else:
        numbers = reading.numbers(len(steps))
        notice(describe_pair(loaded, activations))
        reading.show(steps, numbers)


def _model(run: Path | None, config: str | None, *, tiny: bool) -> LoadedModel:
    from attn_cli.errors import InputError
    from attn_cli.inspection.handmade_model import handmade_model
    from attn_cli.runs.load_model import find_model

    if tiny and (run is not None or config is not None):
        raise InputError("--tiny is a model of its own", "leave out --run and --config, or --tiny")
    if tiny:
        return handmade_model()
    loaded = find_model(run, config)
    loaded.require(("lm", "mlm", "seq2seq"), "attn explain")
    return loaded


def _decoder(beside: Path, loaded: LoadedModel) -> LoadedModel:
    """The decoder to show beside a model, which has to be an encoder."""
    from attn_cli.errors import InputError
    from attn_cli.runs.load_model import load_model

    loaded.require("mlm", "`beside`")
    decoder = load_model(beside)
    decoder.require("lm", "`beside`")
    if decoder.lines != loaded.lines:
        raise InputError(
            f"of {loaded.description}, and {decoder.description}, one was trained on lines",
            "name two runs of the same kind of text",
        )
    return decoder


def _tiny_ids(loaded: LoadedModel, text: str | None) -> tuple[int, ...]:
    """The tiny model's text, its own when None; an error says what it knows."""
    from attn_cli.errors import PromptError
    from attn_cli.inspection.handmade_model import LETTERS, TEXT

    check_not_empty(text)
    try:
        return loaded.encode_prompt(TEXT if text is None else text)
    except PromptError as error:
        raise PromptError(
            error.message, f"the tiny model knows only {', '.join(LETTERS)}"
        ) from None


def _record(loaded: LoadedModel, ids: Sequence[int]) -> dict[str, object]:
    """For JSON: what the lesson is on."""
    return {"model": loaded.description, "text": "".join(loaded.symbols(ids))}
