"""`attn inspect-logits`: what each layer would predict, and how wrong it would be."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from attn_cli.cli.figure_options import NO_FIGURES, FigureFiles, write_in_place
from attn_cli.cli.flags import options_from_dataclass
from attn_cli.cli.options import (
    ConfigOption,
    JsonOption,
    RunOption,
    TargetOption,
    TextArgument,
)
from attn_cli.cli.page_file import without_private_paths
from attn_cli.cli.run_or_text import encode_text
from attn_cli.cli.terminal import console, notice, result_json
from attn_cli.cli.working import working

if TYPE_CHECKING:
    from attn_cli.inspection.forward_pass import ForwardPass
    from attn_cli.inspection.hidden_characters import HiddenCharacters
    from attn_cli.inspection.logit_lens import LayerPredictions


@options_from_dataclass
@working("computing")
def inspect_logits(
    text: TextArgument,
    target: TargetOption = None,
    run: RunOption = None,
    config: ConfigOption = None,
    figures: FigureFiles = NO_FIGURES,
    as_json: JsonOption = False,
) -> None:
    """Show what each layer would predict after each character.

    The logit lens: the residual stream after a layer, read as if that layer were the last. Of an
    encoder, what each layer would put into the blanks of a text, as in "The _wl m_t"; where there
    are none, each character is hidden in turn. For an encoder-decoder, the text is a
    source: what each layer of its decoder would write next.

    Examples:
      attn inspect-logits "The owl met the fox"
    """
    figures.check()
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
        published = describe_pair(without_private_paths(loaded), pair)
    else:
        ids = encode_text(loaded, text, "attn inspect-logits", may_be_empty=True)
        seen, described = predict_text(loaded, ids), loaded.describe(ids)
        published = without_private_paths(loaded).describe(ids)
    unit, first = loaded.tokenizer.unit, len(loaded.line_beginning)
    lens = layer_predictions(seen, loaded.tokenizer.symbols)
    if _write_figures(figures, lens, published, unit, as_json=as_json):
        return
    if as_json:
        record = {"model": loaded.description, "unit": unit, **asdict(lens)}
        if lens.hidden is None:
            del record["hidden"]
        result_json(record)
        return

    from attn_cli.inspection.terminal.logit_lens import lens_view

    notice(described)
    console().print(lens_view(lens, unit, first))


def _write_figures(
    figures: FigureFiles, lens: LayerPredictions, title: str, unit: str, *, as_json: bool
) -> bool:
    """Writes the figures that were asked for; whether nothing more is to be printed."""
    from attn_cli.inspection.figures.logit_lens import draw_lens

    return write_in_place(
        figures, lambda canvas: draw_lens(canvas, lens, title, unit), as_json=as_json
    )
