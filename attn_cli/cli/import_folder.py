"""`attn import`: a run from a Hugging Face folder."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from attn_cli.cli.options import JsonOption, path_option
from attn_cli.cli.terminal import notice, result, result_json
from attn_cli.cli.working import working


@working("importing")
def import_(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            parser=path_option,
            help="A folder with config.json, tokenizer.json, model.safetensors.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            parser=path_option,
            help="The run's folder; default: a new one under runs/.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a run from a Hugging Face folder.

    Models of the types gpt2 and qwen3, whose tokens are characters or bytes.
    """
    from attn_cli.export.hf_tokenizer import PRIVATE_USE
    from attn_cli.export.import_hf import import_folder
    from attn_cli.runs.checkpoint import read_checkpoint

    run = import_folder(folder, out)
    checkpoint = read_checkpoint(run.best_or_latest())
    parameters, tokenizer = checkpoint.metadata.parameters, checkpoint.tokenizer
    if as_json:
        result_json(
            {
                "run": str(run.path),
                "parameters": parameters,
                "vocabulary": tokenizer.kind,
                "vocab_size": tokenizer.vocab_size,
            }
        )
        return
    notice(
        f"{parameters:,} parameters, block {checkpoint.config.model.block}, "
        f"{tokenizer.vocab_size:,} symbols ({tokenizer.kind})"
    )
    stand_ins = set(tokenizer.symbols).intersection(PRIVATE_USE)
    if stand_ins:
        notice(
            f"{len(stand_ins)} special tokens and ids without one are characters from "
            f"U+{ord(min(stand_ins)):04X} on, so that every probability is as it was"
        )
    result(f"run {run.path}")
    command = "attn generate" if checkpoint.config.task == "lm" else "attn fill _"
    result(f"next: {command} --run {shlex.quote(str(run.path))}")
