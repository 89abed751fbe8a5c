"""`attn inspect-shapes`: every operation of a model, from a real forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from attn_cli.cli.options import (
    ConfigOption,
    JsonOption,
    OptionalTextArgument,
    RunOption,
)
from attn_cli.cli.run_or_text import encode_text
from attn_cli.cli.terminal import console, notice, result_json

if TYPE_CHECKING:
    from attn_cli.inspection.costs import Costs
    from attn_cli.inspection.shapes import Shapes
    from attn_cli.runs.loaded_model import LoadedModel


def inspect_shapes(
    text: OptionalTextArgument = None,
    run: RunOption = None,
    config: ConfigOption = None,
    depth: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2,
            show_default="every layer by itself",
            help="Fold the layers into one: 0 shows a row for it, 1 one each for its attention "
            "and feed-forward, 2 all operations.",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Describe what each operation does, and why.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, help="How many times the text is in the batch.")] = 1,
    dtype: Annotated[
        Literal["fp32", "bf16"] | None,
        typer.Option(
            show_default="fp32; for the costs of training, the config's",
            help="The dtype to compute in.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show each operation's shape, parameters, FLOPs, memory.

    From a real forward pass of the newest run, of --run, or of an untrained --config.

    Examples:
      attn inspect-shapes
      attn inspect-shapes --config lesson --depth 1 --explain
    """
    from attn_cli.inspection.costs import costs
    from attn_cli.inspection.shapes import folded
    from attn_cli.inspection.shapes import inspect_shapes as trace_shapes
    from attn_cli.runs.load_model import find_model
    from attn_cli.training.device import choose_device
    from attn_cli.training.precision import choose_precision

    loaded = find_model(run, config)
    ids, source_ids, described = _texts(loaded, text)
    shapes = trace_shapes(loaded.model, ids, source_ids, batch=batch, precision=dtype or "fp32")
    if depth is not None:
        shapes = replace(shapes, rows=folded(shapes.rows, depth))
    trained_in = dtype or choose_precision(loaded.config.train.precision, choose_device("cpu"))
    total = costs(loaded.model, loaded.config, trained_in)
    if as_json:
        about = {"model": loaded.description, "unit": loaded.tokenizer.unit}
        source = {} if source_ids is None else {"source": loaded.symbols(source_ids)}
        texts = {"characters": loaded.symbols(ids), **source}
        result_json(about | texts | _record(shapes, total, explain))
        return

    from attn_cli.inspection.terminal.shapes import shapes_view

    notice(described)
    console().print(shapes_view(shapes, total, loaded.tokenizer.unit, explain=explain))


def _texts(
    loaded: LoadedModel, text: str | None
) -> tuple[Sequence[int], Sequence[int] | None, str]:
    """The ids that a model reads, those of the source where it has one, and a line on both."""
    if loaded.config.task != "seq2seq":
        ids = encode_text(loaded, text, "attn inspect-shapes", may_be_empty=True)
        return ids, None, loaded.describe(ids)
    from attn_cli.inspection.pair_pass import describe_pair, own_source, pair_pass

    activations = pair_pass(loaded, own_source(loaded) if text is None else text)
    return activations.ids, activations.source_ids, describe_pair(loaded, activations)


def _record(shapes: Shapes, total: Costs, explain: bool) -> dict[str, Any]:
    from attn_cli.inspection.descriptions import description

    rows = []
    for row in shapes.rows:
        described = {"description": description(row.operation)} if explain else {}
        rows.append({**asdict(row), "operation": row.full_name, **described})
    return {
        "dims": dict(shapes.dims),
        "rows": rows,
        "totals": {
            "parameters": shapes.parameters,
            "embedding_parameters": shapes.embedding_parameters,
            **({"table_parameters": tables} if (tables := shapes.table_parameters) else {}),
            "flops": shapes.flops,
            **asdict(total),
        },
        "checks": {
            "parameters_of_rows": shapes.row_parameters,
            "flops_by_torch": shapes.counted_flops,
        },
    }
