"""`attn inspect-shapes`: every tensor on the way through the model, from a real forward pass."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Literal

import typer

from attn_cli.cli.options import ConfigOption, JsonOption, RunOption
from attn_cli.cli.terminal import console, notice, result_json


def inspect_shapes(
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help='What to send through; "Hello".')
    ] = None,
    run: RunOption = None,
    config: ConfigOption = None,
    depth: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2,
            help="Fold the layers into one: 0 shows a row for it, 1 one each for its attention "
            "and feed-forward, 2 all operations. Left out: every layer by itself.",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say of each operation what it does, and why.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, help="How many times the text goes through.")] = 1,
    dtype: Annotated[
        Literal["fp32", "bf16"] | None,
        typer.Option(
            help="The number format to compute in; left out, fp32, and for what training takes "
            "that of the configuration."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show every operation in a model: its shape, parameters, products and memory.

    From one real forward pass: of the newest run, of --run, or of a --config with fresh weights.
    """
    from attn_cli.inspection.costs import costs
    from attn_cli.inspection.descriptions import description
    from attn_cli.inspection.shapes import folded
    from attn_cli.inspection.shapes import inspect_shapes as inspect
    from attn_cli.runs.loaded_model import find_model
    from attn_cli.training.device import choose_device
    from attn_cli.training.precision import choose_precision

    loaded = find_model(run, config)
    ids = loaded.encode_prompt(text)
    characters = loaded.symbols(ids)
    shapes = inspect(loaded.model, ids, batch=batch, precision=dtype or "fp32")
    if depth is not None:
        shapes = replace(shapes, rows=folded(shapes.rows, depth))
    trained_in = dtype or choose_precision(loaded.config.train.precision, choose_device("cpu"))
    spent = costs(loaded.model, loaded.config, trained_in)
    if as_json:
        rows = [asdict(row) | {"operation": row.full_name} for row in shapes.rows]
        if explain:
            rows = [
                record | {"description": description(row.operation)}
                for record, row in zip(rows, shapes.rows, strict=True)
            ]
        result_json(
            {
                "model": loaded.description,
                "characters": characters,
                "dims": dict(shapes.dims),
                "rows": rows,
                "totals": {
                    "parameters": shapes.parameters,
                    "embedding_parameters": shapes.embedding_parameters,
                    "flops": shapes.flops,
                    **asdict(spent),
                },
                "checks": {
                    "parameters_of_rows": shapes.row_parameters,
                    "flops_by_torch": shapes.counted_flops,
                },
            }
        )
        return

    from attn_cli.inspection.terminal.shapes import shapes_view

    notice(loaded.describe(ids))
    console().print(shapes_view(shapes, spent, explain=explain))
