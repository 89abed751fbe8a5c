"""`attn classify`: the most probable labels of texts."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attn_cli.cli.options import JsonOption, RunOption
from attn_cli.cli.run_or_text import check_text_is_no_run
from attn_cli.cli.terminal import notice, result, result_json
from attn_cli.cli.working import working
from attn_cli.errors import InputError

if TYPE_CHECKING:
    from attn_cli.config.schema import Config
    from attn_cli.generation.classify import ClassifiedText

MAX_SHOWN = 24  # characters to which a text is padded before its labels


@working("classifying")
def classify(
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="Texts; - for the lines of standard input."),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--file", metavar="FILE", help="Classify each line of a file, or row of a table."
        ),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            show_default="that of training",
            help="The column of a table, by its name or number.",
        ),
    ] = None,
    run: RunOption = None,
    top: Annotated[int, typer.Option(min=1, help="Show this many labels of each text.")] = 3,
    as_json: JsonOption = False,
) -> None:
    """Predict the labels of texts, with their probabilities.

    A classifier is trained by: attn train TABLE --task classify. Into a pipe or a file, it
    prints a tab-separated table.

    Examples:
      attn classify "Schmidt" "Kowalczyk" --top 2
      attn classify --file surnames.txt
    """
    from attn_cli.generation.classify import classify_texts
    from attn_cli.runs.load_model import load_model
    from attn_cli.runs.text_encoder import TextEncoder

    _check_source(text or (), file, column)
    loaded = load_model(run)
    loaded.require("classify", "attn classify")
    if file is None:
        texts = _texts(text or (), column, loaded.config)
    else:
        check_text_is_no_run(file, "did you mean: attn classify --file FILE --run RUN")
        texts = _file_texts(file, column or _training_column(file, loaded.config), loaded.config)
    encode = TextEncoder(loaded, file or "the text")
    records = []
    for classified in classify_texts(loaded, texts, encode):
        if as_json:
            records.append(_record(classified, top))
        else:
            result(_line(classified, top))
    for note in encode.notes():
        notice(note)
    if as_json:
        result_json({"run": str(loaded.folder.path), "step": loaded.step, "texts": records})


def _check_source(text: Sequence[str], file: str | None, column: str | None) -> None:
    """Refuses two sources or none, and a column without a table."""
    if bool(text) == (file is not None):
        problem = "`text` and --file exclude each other" if text else "there is no text to classify"
        raise InputError(
            problem, 'as in: attn classify "Schmidt", or: attn classify --file names.txt'
        )
    if column is not None and file is None and "-" not in text:
        raise InputError(
            f"`column` {column!r} names a column, and there is no table", "give one by --file"
        )


def _texts(arguments: Sequence[str], column: str | None, config: Config) -> Iterator[str]:
    """The arguments themselves, and the lines of standard input for "-"."""
    for argument in arguments:
        if argument == "-":
            yield from _file_texts("-", column, config)
        else:
            yield argument


def _file_texts(file: str, column: str | None, config: Config) -> Iterator[str]:
    """The lines of a file, or the rows of a table; then prints how a table was read."""
    from attn_cli.text.labelled_texts import LabelledTexts

    texts = LabelledTexts(file, config.data.encoding, column)
    for each in texts:
        yield each.text
    for note in texts.notes():
        notice(note)


def _training_column(file: str, config: Config) -> str | None:
    """The column that had the texts in training; None of a file that is no table."""
    from attn_cli.text.read_options import read_options
    from attn_cli.text.tables import table_ending

    if table_ending(Path(file)) is None:
        return None
    options = read_options(config)
    return options.columns(options.column).source[0]


def _line(classified: ClassifiedText, top: int) -> str:
    best = classified.most_probable(top)
    if not sys.stdout.isatty():
        cells = (cell for label, prob in best for cell in (label, f"{prob:.4f}"))
        return "\t".join((" ".join(classified.text.split("\t")), *cells))
    return "  ".join(
        (f"{classified.text:{MAX_SHOWN}}", *(f"{label} {prob:.1%}" for label, prob in best))
    )


def _record(classified: ClassifiedText, top: int) -> dict[str, Any]:
    labels = [{"label": label, "prob": prob} for label, prob in classified.most_probable(top)]
    return {"text": classified.text, "labels": labels}
