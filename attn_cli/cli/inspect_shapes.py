"""`attn inspect-shapes`: every tensor on the way through the model, from a real forward pass."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli.options import ConfigOption, JsonOption, RunOption
from attn_cli.cli.terminal import console, notice, result_json

if TYPE_CHECKING:
    from attn_cli.config.schema import DataConfig
    from attn_cli.model.transformer import Transformer
    from attn_cli.text.tokenizer import Tokenizer

DEFAULT_TEXT = "Hello"


def inspect_shapes(
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help='What to send through; "Hello".')
    ] = None,
    run: RunOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every operation in a model, and its shape.

    From one real forward pass: of the newest run, of --run, or of a --config with fresh weights.
    """
    from attn_cli.errors import InputError

    if run is not None and config is not None:
        raise InputError("--run and --config exclude each other", "give one of the two")
    model, tokenizer, origin = _model(run, config)

    from attn_cli.inspection.shapes import inspect_shapes as inspect

    block_size = model.config.block_size
    if text is None:
        # A vocabulary of another alphabet, or a tiny window, still has something to show.
        ids = tokenizer.encode(DEFAULT_TEXT, unknown="drop").tolist()[:block_size]
    else:
        ids = tokenizer.encode(text, unknown="error").tolist()
    ids = ids or [tokenizer.separator_id]
    characters = [tokenizer.symbols[token] for token in ids]
    if len(ids) > block_size:
        raise InputError(
            f"the text has {len(ids)} characters, and the model sees at most {block_size}",
            f"give at most {block_size} characters",
        )
    shapes = inspect(model, ids)
    if as_json:
        result_json(
            {
                "origin": origin,
                "characters": characters,
                "dims": dict(shapes.dims),
                "rows": [asdict(row) | {"operation": row.full_name} for row in shapes.rows],
                "totals": {"parameters": shapes.parameters},
            }
        )
        return

    from attn_cli.inspection.shapes_table import shapes_table

    notice(f"{origin}, on {''.join(characters)!r}")
    console().print(shapes_table(shapes))


def _model(run: Path | None, config: str | None) -> tuple[Transformer, Tokenizer, str]:
    """The model of a run or of a configuration, its vocabulary, and where it came from."""
    from attn_cli.errors import CheckpointError
    from attn_cli.runs.checkpoint import read_checkpoint
    from attn_cli.runs.finding import find_run

    if config is None:
        try:
            folder = find_run(run)
        except CheckpointError:
            # Without a run there is still something to see; a run that was named has to exist.
            if run is not None:
                raise
        else:
            checkpoint = read_checkpoint(folder.to_use())
            origin = f"{folder.path}, step {checkpoint.state.step:,}"
            return checkpoint.load_model(), checkpoint.tokenizer, origin

    from attn_cli.config.load import load_config
    from attn_cli.config.presets import DEFAULT, find_config
    from attn_cli.model.transformer import Transformer

    name = config or DEFAULT
    settled = load_config(find_config(name))
    tokenizer = _tokenizer(settled.data)
    model = Transformer(settled.model, tokenizer.vocab_size)
    return model, tokenizer, f"config {name}, fresh weights"


def _tokenizer(data: DataConfig) -> Tokenizer:
    """The vocabulary of a configuration; only that of `corpus` has to read the text."""
    from attn_cli.text.corpus import load_corpus
    from attn_cli.text.tokenizer import bytes_tokenizer, printable_tokenizer

    if data.tokenizer == "printable":
        return printable_tokenizer()
    if data.tokenizer == "bytes":
        return bytes_tokenizer()
    return load_corpus(data.text, data.tokenizer, data.unknown).tokenizer
