"""`attn evaluate`: how well a model predicts a text, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli.options import JsonOption, RunOption
from attn_cli.cli.terminal import result, result_json

if TYPE_CHECKING:
    from attn_cli.runs.checkpoint import Checkpoint
    from attn_cli.text.tokenizer import Ids


def evaluate(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]", help="A text; the run's own validation split when left out."
        ),
    ] = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how well a model predicts a text, exactly.

    The text is the run's own validation split, unless a file is named.
    """
    from attn_cli.runs.checkpoint import read_checkpoint
    from attn_cli.runs.folder import find_run

    folder = find_run(run)
    checkpoint = read_checkpoint(folder.checkpoint("best"))
    ids = _validation_ids(checkpoint) if file is None else _text_ids(file, checkpoint)

    from attn_cli.training.device import choose_device
    from attn_cli.training.evaluation import evaluate as measure
    from attn_cli.training.precision import WorkingModel, choose_precision

    device = choose_device("auto")
    # In the format it was trained in, so that the figure is the one that training reported.
    precision = choose_precision(checkpoint.config.train.precision, device)
    working = WorkingModel(checkpoint.load_model(device), precision)
    evaluation = measure(working.model, ids)
    what = "validation split" if file is None else file
    floor = None if file is not None else _floor(checkpoint.config.data.text)
    if as_json:
        result_json(
            {
                "run": str(folder.path),
                "step": checkpoint.step,
                "text": what,
                "loss": evaluation.loss,
                "bits_per_char": evaluation.bits_per_char,
                "perplexity": evaluation.perplexity,
                "chars": evaluation.chars,
                **({} if floor is None else {"floor_bits_per_char": floor}),
            }
        )
        return
    result(f"{folder.path}, step {checkpoint.step:,}, {what}: {evaluation.chars:,} characters")
    result(f"loss           {evaluation.loss:.4f} nats per character")
    result(f"bits per char  {evaluation.bits_per_char:.4f}")
    if floor is not None:
        result(f"floor          {floor:.4f} bits: the text's own entropy, which nothing can beat")
    result(f"perplexity     {evaluation.perplexity:.3f}")


def floor_line(sources: Sequence[str]) -> str | None:
    """What no model can beat on the validation split of this text, where that is known."""
    floor = _floor(sources)
    return None if floor is None else f"floor {floor:.4f} bits: the text's own entropy"


def _floor(sources: Sequence[str]) -> float | None:
    from attn_cli.text.builtin import entropy_floor

    if len(sources) != 1:
        return None
    floor = entropy_floor(sources[0])
    return None if floor is None else floor.validation_bits_per_char


def _validation_ids(checkpoint: Checkpoint) -> Ids:
    from attn_cli.errors import TextError
    from attn_cli.text.corpus import load_corpus

    data = checkpoint.config.data
    corpus = load_corpus(data.text, checkpoint.tokenizer, data.unknown, data.validation_fraction)
    if corpus.sha256 != checkpoint.state["data"]["sha256"]:
        raise TextError(
            f"{', '.join(data.text)}: the text has changed since the run was trained on it",
            "name a text to measure on: attn evaluate FILE",
        )
    return corpus.validation


def _text_ids(file: str, checkpoint: Checkpoint) -> Ids:
    from attn_cli.errors import TextError
    from attn_cli.text.corpus import load_text

    name = str(Path(file)) if Path(file).exists() else file
    text = load_text([name], checkpoint.tokenizer, checkpoint.config.data.unknown)
    if len(text.ids) < 2:
        raise TextError(f"{file}: one character is too short", "a text needs at least 2")
    return text.ids
