"""`attn export`: a model in a form that needs no attn."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attn_cli.cli.options import JsonOption, RunOption
from attn_cli.cli.terminal import notice, result, result_json
from attn_cli.errors import InputError

if TYPE_CHECKING:
    from attn_cli.runs.loaded_model import TrainedModel


class Format(StrEnum):
    """What a model can be exported as."""

    page = "page"
    hf = "hf"
    gguf = "gguf"
    onnx = "onnx"


class NumberTypeName(StrEnum):
    """As in `export/gguf_file.py`, which needs NumPy."""

    f32 = "f32"
    f16 = "f16"
    q8_0 = "q8_0"


def export(
    format: Annotated[
        Format,
        typer.Argument(
            help="page: one HTML file in which the model runs, to play with. "
            "hf: a folder for Hugging Face's transformers. "
            "gguf: a file for llama.cpp, Ollama and LM Studio. "
            "onnx: a folder with two graphs for ONNX Runtime.",
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file or folder to write.")],
    run: RunOption = None,
    text: Annotated[
        str | None, typer.Option(help='page: what it opens with; "Hello" when left out.')
    ] = None,
    number_type: Annotated[
        NumberTypeName | None,
        typer.Option("--type", help="gguf: how the matrices are stored; f32 when left out."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a model as something that others can use without attn."""
    if text is not None and format is not Format.page:
        raise InputError("--text is for a page", "leave it out")
    if number_type is not None and format is not Format.gguf:
        raise InputError("--type is for gguf", "leave it out")
    if format is Format.page:
        _page(out, run, text, as_json)
        return
    from attn_cli.runs.loaded_model import load_model

    model = load_model(run)
    write = {Format.hf: _huggingface, Format.gguf: _gguf, Format.onnx: _onnx}[format]
    size, more = write(out, model, number_type)
    if as_json:
        result_json(
            {
                "export": str(out),
                "format": str(format),
                "bytes": size,
                "run": str(model.folder.path),
                "step": model.step,
                **more,
            }
        )
        return
    notice(f"{model.description}, {size:,} bytes")
    result(str(out))


def _page(out: Path, run: Path | None, text: str | None, as_json: bool) -> None:
    from attn_cli.cli.page_file import write_page
    from attn_cli.runs.loaded_model import load_model

    loaded = load_model(run)
    title = f"A model of {loaded.name}"
    write_page(
        out, loaded, loaded.encode_prompt(text), title=title, generate_first=True, as_json=as_json
    )


def _huggingface(
    out: Path, model: TrainedModel, number_type: NumberTypeName | None
) -> tuple[int, dict[str, Any]]:
    from attn_cli.export.destination import require_free_folder, write_folder
    from attn_cli.export.huggingface import huggingface_files

    require_free_folder(out)
    return write_folder(out, huggingface_files(model), model, "hf"), {}


def _gguf(
    out: Path, model: TrainedModel, number_type: NumberTypeName | None
) -> tuple[int, dict[str, Any]]:
    from attn_cli.export.gguf_file import NumberType, write_gguf

    kind = NumberType(number_type or "f32")
    return write_gguf(out, model, kind), {"type": str(kind)}


def _onnx(
    out: Path, model: TrainedModel, number_type: NumberTypeName | None
) -> tuple[int, dict[str, Any]]:
    from attn_cli.export.destination import require_free_folder, write_folder
    from attn_cli.export.onnx_graphs import onnx_files

    require_free_folder(out)
    return write_folder(out, onnx_files(model), model, "onnx"), {}
