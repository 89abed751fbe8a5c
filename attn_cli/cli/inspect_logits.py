"""`attn inspect-logits`: what each layer would predict, and how wrong it would be."""

from __future__ import annotations

from typing import Annotated

import typer

from attn_cli.cli.options import ConfigOption, JsonOption, RunOption
from attn_cli.cli.terminal import console, notice, result_json


def inspect_logits(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text to run the model on.")],
    run: RunOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what each layer would predict after each character, and its surprisal in bits.

    The logit lens: the residual stream after a layer, read as if that layer were the last.
    """
    from attn_cli.inspection.forward_pass import forward_pass
    from attn_cli.inspection.logit_lens import logit_lens, surprisal_bits
    from attn_cli.runs.loaded_model import find_model

    loaded = find_model(run, config)
    ids = loaded.encode_prompt(text)
    lens = logit_lens(forward_pass(loaded.model, ids))
    probabilities, top_ids = (each.T.tolist() for each in lens.exp().max(dim=-1))  # (T, L + 1)
    bits = surprisal_bits(lens, ids).T.tolist()  # (T - 1, L + 1)
    characters = loaded.symbols(ids)
    predictions = [loaded.symbols(row) for row in top_ids]
    layers = ["embedding", *(f"layer {number}" for number in range(1, len(lens)))]
    if as_json:
        result_json(
            {
                "model": loaded.description,
                "characters": characters,
                "layers": layers,
                "predictions": predictions,
                "probabilities": probabilities,
                "surprisal_bits": bits,
            }
        )
        return

    from attn_cli.inspection.terminal.logit_lens import LensTable

    notice(loaded.describe(ids))
    console().print(LensTable(characters, layers, predictions, probabilities, bits))
