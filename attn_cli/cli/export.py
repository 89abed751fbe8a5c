"""`attn export`: a model in a format that needs no attn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attn_cli.cli.options import JsonOption, RunOption, path_option
from attn_cli.cli.run_or_text import encode_text
from attn_cli.cli.terminal import notice, result, result_json
from attn_cli.cli.working import working
from attn_cli.errors import InputError
from attn_cli.text.display import format_bytes

if TYPE_CHECKING:
    from attn_cli.runs.loaded_model import TrainedModel


OpeningTextOption = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        show_default="the beginning of one of its own",
        help="page: the text that it opens with; for an encoder-decoder, a source.",
    ),
]


@working("exporting")
def export(
    format: Annotated[
        Literal["page", "hf", "gguf", "onnx"],
        typer.Argument(
            metavar="FORMAT",
            help="page: one HTML file in which the model runs, to play with. "
            "hf: a folder for Hugging Face's transformers. "
            "gguf: a file for llama.cpp, Ollama and LM Studio. "
            "onnx: a folder with graphs for ONNX Runtime.",
        ),
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", parser=path_option, help="The file or folder to write.")
    ],
    run: RunOption = None,
    text: OpeningTextOption = None,
    number_type: Annotated[
        Literal["f32", "f16", "q8_0"] | None,
        typer.Option("--type", show_default="f32", help="gguf: number type of the matrices."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a model in a format that other tools read.

    Examples:
      attn export page model.html
      attn export hf my-model
      attn export gguf my-model.gguf
    """
    if text is not None and format != "page":
        raise InputError("--text is for a page", "leave it out")
    if number_type is not None and format != "gguf":
        raise InputError("--type is for gguf", "leave it out")
    from attn_cli.export.compatibility import check_task
    from attn_cli.runs.load_model import load_model

    model = load_model(run)
    check_task(model, format)
    if format == "page":
        _write_page(out, model, text, as_json=as_json)
        return
    if format == "gguf":
        from attn_cli.export.gguf_file import write_gguf

        number_type = number_type or "f32"
        size = write_gguf(out, model, number_type)
    else:
        size = _write_folder(out, model, format)
    if as_json:
        record = {"export": str(out), "format": format, "bytes": size}
        place = {"run": str(model.folder.path), "step": model.step}
        result_json(record | place | ({} if number_type is None else {"type": number_type}))
        return
    notice(f"{model.description}, {format_bytes(size)}")
    if format == "hf" and model.config.model.ngrams:
        notice("with code of its own for model.ngrams: load it with trust_remote_code=True")
    result(str(out))


def _write_page(out: Path, model: TrainedModel, text: str | None, *, as_json: bool) -> None:
    from attn_cli.cli.page_file import write_page

    if model.config.task == "seq2seq":
        _write_translation_page(out, model, text, as_json=as_json)
        return
    ids, title = _page_text(model, text), f"A model of {model.name}"
    write_page(out, model, ids, title=title, generate_first=True, as_json=as_json)


def _page_text(model: TrainedModel, text: str | None) -> tuple[int, ...]:
    """The ids of the text that a page opens with; where None, of one that leaves much open."""
    from attn_cli.inspection.page.opening_text import open_ended_text, text_with_blanks

    if text is None and model.config.task == "lm":
        return open_ended_text(model)
    if text is None and model.config.task == "mlm":
        return text_with_blanks(model)
    return encode_text(model, text, "attn export page")


def _write_translation_page(
    out: Path, model: TrainedModel, source: str | None, *, as_json: bool
) -> None:
    """Writes the page of an encoder-decoder, which opens with a source."""
    from attn_cli.cli.page_file import write_translation_page
    from attn_cli.inspection.pair_pass import encode_pair, own_source

    source_ids, _ = encode_pair(model, own_source(model) if source is None else source, None)
    write_translation_page(out, model, source_ids, as_json=as_json)


def _write_folder(out: Path, model: TrainedModel, format: Literal["hf", "onnx"]) -> int:
    from attn_cli.export.output import check_output_folder, write_folder

    check_output_folder(out)  # before the work
    if format == "hf":
        from attn_cli.export.huggingface import huggingface_files as files_of
    else:
        from attn_cli.export.onnx_graphs import onnx_files as files_of
    return write_folder(out, files_of(model), model, format)
