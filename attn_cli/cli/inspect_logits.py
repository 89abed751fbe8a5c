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

    The logit lens: the residual stream after a layer, read as if that layer were the last. Of an
    encoder, what each layer would put into the blanks of a text, as in "The _wl m_t"; where there
    are none, each character is hidden in turn.
    """
    from attn_cli.inspection.hidden_characters import predict_text
    from attn_cli.inspection.logit_lens import layer_predictions
    from attn_cli.runs.loaded_model import find_model

    loaded = find_model(run, config)
    loaded.require(("lm", "mlm"), "attn inspect-logits")
    ids = encode_text(loaded, text, "attn inspect-logits")
    unit, first = loaded.tokenizer.unit, len(loaded.line_beginning)
    lens = layer_predictions(predict_text(loaded, ids), loaded.tokenizer.symbols)
    if as_json:
        record = {"model": loaded.description, "unit": unit, **asdict(lens)}
        if lens.hidden is None:
            del record["hidden"]
        result_json(record)
        return

    from attn_cli.inspection.terminal.logit_lens import lens_view

    notice(loaded.describe(ids))
    console().print(lens_view(lens, unit, first))
