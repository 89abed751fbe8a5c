"""`attn inspect-logits`: what each layer would predict, and how wrong it would be."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from attn_cli.cli.options import (
    ConfigOption,
    JsonOption,
    RunOption,
    TargetOption,
    TextArgument,
)
from attn_cli.cli.run_or_text import encode_text
from attn_cli.cli.terminal import console, notice, result_json
from attn_cli.cli.working import working

if TYPE_CHECKING:
    from attn_cli.inspection.forward_pass import ForwardPass
    from attn_cli.inspection.hidden_characters import HiddenCharacters


@working("computing")
def inspect_logits(
    text: TextArgument,
    target: TargetOption = None,
    run: RunOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what each layer would predict after each character, and its surprisal in bits.

    The logit lens: the residual stream after a layer, read as if that layer were the last. Of an
    encoder, what each layer would put into the blanks of a text, as in "The _wl m_t"; where there
    are none, each character is hidden in turn. Of an encoder-decoder, the text is a
    source: what each layer of its decoder would write next.
    """
    from attn_cli.inspection.hidden_characters import predict_text
    from attn_cli.inspection.logit_lens import layer_predictions
    from attn_cli.inspection.pair_pass import describe_pair, pair_pass
    from attn_cli.runs.load_model import find_model

    loaded = find_model(run, config)
    loaded.require(("lm", "mlm", "seq2seq"), "attn inspect-logits")
    if target is not None:
        loaded.require("seq2seq", "`target`")
    if loaded.config.task == "seq2seq":
        pair = pair_pass(loaded, text, target)
        seen: ForwardPass | HiddenCharacters = pair
        described = describe_pair(loaded, pair)
    else:
        ids = encode_text(loaded, text, "attn inspect-logits")
        seen, described = predict_text(loaded, ids), loaded.describe(ids)
    unit, first = loaded.tokenizer.unit, len(loaded.line_beginning)
    lens = layer_predictions(seen, loaded.tokenizer.symbols)
    if as_json:
        record = {"model": loaded.description, "unit": unit, **asdict(lens)}
        if lens.hidden is None:
            del record["hidden"]
        result_json(record)
        return

    from attn_cli.inspection.terminal.logit_lens import lens_view

    notice(described)
    console().print(lens_view(lens, unit, first))
