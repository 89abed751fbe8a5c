"""`attn inspect-attention`: who looks at whom, in every head, from a real forward pass."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attn_cli.cli.options import ConfigOption, HeadOption, JsonOption, LayerOption, RunOption
from attn_cli.cli.terminal import console, notice, result_json


def inspect_attention(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to send through.")],
    run: RunOption = None,
    config: ConfigOption = None,
    layer: LayerOption = None,
    head: HeadOption = None,
    values: Annotated[
        bool, typer.Option("--values", help="Numbers in place of shades, in hundredths.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Write a page that shows all of it, and runs the model itself."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show how much each character looks at which, in each head.

    Each row is a character that looks, each column one that is looked at. All heads are shown
    as small maps; one head, with --layer and --head, or with --values, is shown in full.
    """
    from attn_cli.errors import InputError
    from attn_cli.inspection.forward_pass import forward_pass, select_heads
    from attn_cli.inspection.terminal.attention_map import LargeMap, SmallMaps
    from attn_cli.runs.loaded_model import find_model

    if html is not None and values:
        raise InputError("--values is for the terminal", "leave it out: a page has every number")
    loaded = find_model(run, config)
    layers, heads = loaded.select("layer", layer), loaded.select("head", head)
    ids = loaded.encode_prompt(text)
    characters = loaded.symbols(ids)
    if html is not None:
        from attn_cli.cli.page_file import write_page

        write_page(html, loaded, ids, layer=layers[0], head=heads[0], as_json=as_json)
        return
    chosen = select_heads(forward_pass(loaded.model, ids).attention, layers, heads)
    if as_json:
        result_json(
            {
                "model": loaded.description,
                "characters": characters,
                "layers": list(layers),
                "heads": list(heads),
                "weights": chosen.astype(float).round(7).tolist(),
            }
        )
        return
    notice(loaded.describe(ids))
    if not values and chosen.shape[:2] != (1, 1):
        console().print(SmallMaps(chosen, layers, heads))
        return
    for number, of_layer in zip(layers, chosen, strict=True):
        for name, weights in zip(heads, of_layer, strict=True):
            console().print(f"layer {number}, head {name}", style="bold")
            console().print(LargeMap(weights, characters, values))
