"""`attn classify`: the most probable labels of texts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attn_cli.cli.options import JsonOption, RunOption
from attn_cli.cli.run_or_text import check_text_is_no_run
from attn_cli.cli.terminal import notice, result, result_json
from attn_cli.errors import InputError

if TYPE_CHECKING:
    from attn_cli.generation.classify import ClassifiedText

MAX_SHOWN = 24  # characters to which a text is padded before its labels


def classify(
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]...", help="Texts; - for the lines of standard input."),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--file", metavar="FILE", help="Classify each line of a file, or row of a table."
        ),
    ] = None,
    run: RunOption = None,
    top: Annotated[int, typer.Option(min=1, help="Show this many labels of each text.")] = 3,
    as_json: JsonOption = False,
) -> None:
    """Predict the labels of texts, with their probabilities.

    A classifier is trained by: attn train TABLE --task classify. To a pipe or a file, what is
    printed is a table with tabs.

    For example: attn classify "Schmidt" "Kowalczyk" --top 2
    """
    from attn_cli.generation.classify import classify_texts
    from attn_cli.runs.loaded_model import load_model
    from attn_cli.runs.text_encoder import TextEncoder
    from attn_cli.text.labelled_texts import LabelledTexts

    if bool(text) == (file is not None):
        problem = "`text` and --file exclude each other" if text else "there is no text to classify"
        raise InputError(
            problem, 'as in: attn classify "Schmidt", or: attn classify --file names.txt'
        )
    loaded = load_model(run)
    loaded.require("classify", "attn classify")
    source = "-" if text == ["-"] else file
    texts = iter(text or ())
    if source is not None:
        check_text_is_no_run(source, "did you mean: attn classify --file FILE --run RUN")
        data = loaded.config.data
        # As the training data was read.
        texts = (each.text.rstrip() for each in LabelledTexts(source, data.encoding, data.column))
    encode = TextEncoder(loaded, source or "the text")
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
