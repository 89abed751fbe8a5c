"""`attn inspect-logits`: what each layer would predict, and how wrong it would be."""

from dataclasses import asdict

from attn_cli.cli.options import (
    ConfigOption,
    JsonOption,
    RunOption,
    TextArgument,
)
from attn_cli.cli.run_or_text import encode_text
from attn_cli.cli.terminal import console, notice, result_json


def inspect_logits(
    text: TextArgument,
    run: RunOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what each layer would predict after each character, and its surprisal in bits.

    The logit lens: the residual stream after a layer, read as if that layer were the last.
    """
    from attn_cli.inspection.forward_pass import forward_pass
    from attn_cli.inspection.logit_lens import layer_predictions
    from attn_cli.runs.loaded_model import find_model

    loaded = find_model(run, config)
    loaded.require("lm", "attn inspect-logits")
    ids = encode_text(loaded, text, "attn inspect-logits")
    unit = loaded.tokenizer.unit
    lens = layer_predictions(forward_pass(loaded.model, ids), loaded.tokenizer.symbols)
    if as_json:
        result_json({"model": loaded.description, "unit": unit, **asdict(lens)})
        return

    from attn_cli.inspection.terminal.logit_lens import lens_view

    notice(loaded.describe(ids))
    console().print(lens_view(lens, unit))
