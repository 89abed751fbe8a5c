"""`attn inspect-shapes`: every tensor on the way through the model, from a real forward pass."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from attn_cli.cli.options import ConfigOption, JsonOption, RunOption
from attn_cli.cli.terminal import console, notice, result_json


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
    from attn_cli.inspection.shapes import inspect_shapes as inspect
    from attn_cli.inspection.subject import find_subject

    subject = find_subject(run, config)
    ids = subject.ids(text)
    characters = subject.characters(ids)
    shapes = inspect(subject.model, ids)
    if as_json:
        result_json(
            {
                "origin": subject.origin,
                "characters": characters,
                "dims": dict(shapes.dims),
                "rows": [asdict(row) | {"operation": row.full_name} for row in shapes.rows],
                "totals": {"parameters": shapes.parameters},
            }
        )
        return

    from attn_cli.inspection.shapes_table import shapes_table

    notice(f"{subject.origin}, on {''.join(characters)!r}")
    console().print(shapes_table(shapes))
