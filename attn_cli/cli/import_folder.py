"""`attn import`: a Hugging Face folder as a run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from attn_cli.cli.options import JsonOption
from attn_cli.cli.terminal import notice, result, result_json


def import_(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="A folder with config.json, tokenizer.json, model.safetensors."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="The run's folder; a new one when left out.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a run of a Hugging Face folder of GPT-2 or Qwen3, of one character or byte a token."""
    from attn_cli.export.importing import import_folder
    from attn_cli.runs.checkpoint import read_checkpoint

    run = import_folder(folder, out)
    checkpoint = read_checkpoint(run.best_or_latest())
    state, tokenizer = checkpoint.metadata, checkpoint.tokenizer
    if as_json:
        result_json(
            {
                "run": str(run.path),
                "parameters": state.parameters,
                "vocabulary": tokenizer.kind,
                "vocab_size": tokenizer.vocab_size,
            }
        )
        return
    notice(
        f"{state.parameters:,} parameters, block {state.config.model.block}, "
        f"{tokenizer.vocab_size:,} symbols ({tokenizer.kind})"
    )
    result(f"run {run.path}")
    result(f"next: attn generate --run {shlex.quote(str(run.path))}")
