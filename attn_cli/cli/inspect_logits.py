"""`attn inspect-logits`: what each layer would say comes next, and how wrong it would be."""

from __future__ import annotations

from typing import Annotated

import typer

from attn_cli.cli.options import ConfigOption, JsonOption, RunOption
from attn_cli.cli.terminal import console, notice, result_json


def inspect_logits(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to send through.")],
    run: RunOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what each layer would predict at each character, and the surprise in bits.

    The logit lens: the stream after a layer is read as if it were the last one's.
    """
    from attn_cli.inspection.forward_pass import forward_pass
    from attn_cli.inspection.lens import logit_lens, surprises
    from attn_cli.runs.loaded_model import find_model

    loaded = find_model(run, config)
    ids = loaded.encode_prompt(text)
    lens = logit_lens(forward_pass(loaded.model, ids))
    odds, likeliest = (each.T.tolist() for each in lens.exp().max(dim=-1))  # (T, L + 1)
    bits = surprises(lens, ids).T.tolist()  # (T - 1, L + 1)
    characters = loaded.symbols(ids)
    guesses = [loaded.symbols(row) for row in likeliest]
    if as_json:
        result_json(
            {
                "model": loaded.description,
                "characters": characters,
                "stages": _stages(len(lens)),
                "likeliest": guesses,
                "odds": odds,
                "bits": bits,
            }
        )
        return

    from attn_cli.inspection.lens_table import LensTable

    notice(loaded.describe(ids))
    console().print(LensTable(characters, _stages(len(lens)), guesses, odds, bits))


def _stages(count: int) -> list[str]:
    return ["embedding", *(f"layer {number}" for number in range(1, count))]
