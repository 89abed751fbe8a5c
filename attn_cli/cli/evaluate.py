"""`attn evaluate`: how well a model predicts a text, exactly."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli.options import JsonOption, RunOption
from attn_cli.cli.terminal import notice, result, result_json

if TYPE_CHECKING:
    from attn_cli.runs.loaded_model import TrainedModel
    from attn_cli.text.tokenizer import TokenIds, Tokenizer, UnknownPolicy


def evaluate(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]", help="A text; the run's own validation split when left out."
        ),
    ] = None,
    run: RunOption = None,
    per_char: Annotated[
        bool,
        typer.Option(
            "--per-char",
            help="Show the surprisal of each character in bits: as colours on a terminal, "
            "elsewhere or with NO_COLOR as a table.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure how well a model predicts a text, exactly.

    The text is the run's own validation split, unless a file is named. It is cut into windows
    of block_size characters: the first of a window are predicted with little before them.
    """
    from attn_cli.runs.loaded_model import load_model

    loaded = load_model(run)
    what = file or "validation split"
    if file is None:
        ids, floor = _validation(loaded)
    else:
        ids = text_of_file(file, loaded.tokenizer, loaded.config.data.unknown)
        floor = _floor(file)

    from attn_cli.training.device import choose_device
    from attn_cli.training.evaluation import CharacterLosses
    from attn_cli.training.evaluation import evaluate as measure
    from attn_cli.training.precision import WorkingModel, choose_precision

    device = choose_device("auto")
    # In the format it was trained in, so that the figure is the one that training reported.
    precision = choose_precision(loaded.config.train.precision, device)
    model = WorkingModel(loaded.checkpoint.load_model(device), precision).model
    step, tokenizer = loaded.step, loaded.tokenizer
    unit, lists = tokenizer.unit, None
    summary: Callable[[str], None] = result
    if per_char:
        from attn_cli.cli.surprisal import as_lists, can_colour, write_coloured, write_table

        losses = CharacterLosses(model, ids)
        if as_json:
            lists = as_lists(tokenizer, ids, losses)
        elif can_colour():
            write_coloured(tokenizer, ids, losses)
        else:
            write_table(tokenizer, ids, losses)
            summary = notice  # a program reads the table, and nothing after it
        evaluation = losses.evaluation
    else:
        evaluation = measure(model, ids)
    if as_json:
        finite = math.isfinite(evaluation.perplexity)
        result_json(
            {
                "run": str(loaded.folder.path),
                "step": step,
                "text": what,
                "unit": unit,
                "loss": evaluation.loss,
                "bits_per_char": evaluation.bits_per_char,
                "perplexity": evaluation.perplexity if finite else None,
                "chars": evaluation.chars,
                **({} if floor is None else {"floor_bits_per_char": floor}),
                **({} if lists is None else {"per_char": lists}),
            }
        )
        return
    summary(f"{loaded.folder.path}, step {step:,}, {what}: {evaluation.chars:,} {unit}s")
    summary(f"loss        {evaluation.loss:.4f} nats per {unit}")
    summary(f"            {evaluation.bits_per_char:.4f} bits per {unit}")
    if floor is not None:
        summary(f"floor       {floor:.4f} bits: the text's own entropy, which no model can beat")
    summary(f"perplexity  {evaluation.perplexity:.3f}")


def _validation(loaded: TrainedModel) -> tuple[TokenIds, float | None]:
    """The run's validation split, and the floor under its loss where that is known."""
    from attn_cli.errors import DatasetError
    from attn_cli.text.builtin import validation_floor

    try:
        corpus = loaded.corpus()
    except DatasetError as error:
        raise DatasetError(error.message, "name a text to measure on: attn evaluate FILE") from None
    return corpus.validation, validation_floor(corpus.sources, corpus.validation_fraction)


def text_of_file(file: str, tokenizer: Tokenizer, unknown: UnknownPolicy) -> TokenIds:
    """A whole text, to measure a model on.

    Raises:
        DatasetError: It is not there, or cannot be used.
    """
    from attn_cli.errors import DatasetError
    from attn_cli.text.corpus import load_text

    text = load_text([file], tokenizer, unknown)
    if len(text.ids) < 2:
        raise DatasetError(f"{file}: one {tokenizer.unit} is too short", "a text needs 2")
    for note in text.source.notes():
        notice(note)
    if text.changed:
        notice(f"{text.changed:,} characters outside the vocabulary were changed")
    return text.ids


def _floor(file: str) -> float | None:
    """The entropy of a text in bits per character, where it is known."""
    from attn_cli.text.builtin import entropy_floor

    floor = entropy_floor(file)
    return None if floor is None else floor.bits_per_char
