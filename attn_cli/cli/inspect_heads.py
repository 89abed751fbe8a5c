"""`attn inspect-heads`: what each head does, measured over a text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attn_cli.cli.evaluation_text import VALIDATION, hint_on_missing_text, read_text
from attn_cli.cli.figure_options import NO_FIGURES, FigureFiles, write_in_place
from attn_cli.cli.flags import options_from_dataclass
from attn_cli.cli.options import (
    ConfigOption,
    FileArgument,
    JsonOption,
    RunOption,
)
from attn_cli.cli.page_file import without_private_paths
from attn_cli.cli.run_or_text import check_text_is_no_run
from attn_cli.cli.terminal import console, notice, result_json
from attn_cli.cli.working import working

if TYPE_CHECKING:
    from attn_cli.inspection.heads import HeadScores, MeasuredHead
    from attn_cli.runs.loaded_model import LoadedModel
    from attn_cli.text.examples import Split

DEFAULT_CHARS = 16_384  # enough for stable scores, in seconds
ENCODER_CHARS = 4096  # each of which an encoder reads several times

CharsOption = Annotated[
    int | None,
    typer.Option(
        min=2,
        show_default=f"{DEFAULT_CHARS:,}, of an encoder {ENCODER_CHARS:,}",
        help="Characters to measure on, from the text's beginning.",
    ),
]


@options_from_dataclass
def inspect_heads(
    file: FileArgument = None,
    run: RunOption = None,
    config: ConfigOption = None,
    chars: CharsOption = None,
    figures: FigureFiles = NO_FIGURES,
    as_json: JsonOption = False,
) -> None:
    """Show where each head attends, and the loss without it.

    Shares are of a head's attention. The loss increase, in nats per character, is that of
    ablating the head, with its standard error. For an encoder, both are measured with 1 in 7
    characters hidden, and the loss is that of these. For an encoder-decoder, the heads are
    those of cross-attention, measured on pairs.

    Examples:
      attn inspect-heads
      attn inspect-heads other.txt
    """
    figures.check()
    from attn_cli.inspection.cross_heads import measure_cross_heads
    from attn_cli.inspection.heads import measure_heads
    from attn_cli.runs.load_model import find_model
    from attn_cli.text.examples import target_count
    from attn_cli.text.pairs import PairExamples

    if file is not None:
        check_text_is_no_run(file, "did you mean: attn inspect-heads --run RUN")
    loaded = find_model(run, config)
    loaded.require(("lm", "mlm", "seq2seq"), "attn inspect-heads")
    text, full_length = _text(loaded, file, chars)
    length = target_count(text) + 1
    count = loaded.config.model.n_layer * loaded.config.model.n_head
    with working("measuring heads") as work:
        if isinstance(text, PairExamples):
            baseline, measured = measure_cross_heads(loaded, text)
        else:
            baseline, measured = measure_heads(loaded, text)
        heads = list(work.count(measured, count))
    unit, what = loaded.tokenizer.unit, file or VALIDATION
    of = f"{length:,} of {full_length:,}" if length < full_length else f"{length:,}"
    measured_on = f"{Path(what).name}: {of} {unit}s"  # a figure is shared, and folders are not
    if _write_figures(figures, loaded, heads, baseline, measured_on, as_json=as_json):
        return
    if as_json:
        about = {"model": loaded.description, "text": what, "unit": unit, "chars": length}
        measured_heads = [_record(head) for head in heads]
        result_json({**about, "heads": measured_heads, "uniform_baseline": _scores(baseline)})
        return

    from attn_cli.inspection.terminal.heads import heads_view

    notice(f"{loaded.description}, {what}: {of} {unit}s")
    console().print(heads_view(heads, baseline, unit))


def _text(loaded: LoadedModel, file: str | None, chars: int | None) -> tuple[Split, int]:
    """What heads are measured on, and how many characters it is the beginning of."""
    from attn_cli.text.examples import subset, target_count

    if chars is None:
        chars = DEFAULT_CHARS if loaded.tokenizer.mask_id is None else ENCODER_CHARS
    if file is not None:
        full = read_text(file, loaded)
    else:
        with hint_on_missing_text("name a text to measure on: attn inspect-heads FILE"):
            full = loaded.corpus().validation
    return subset(full, chars - 1), target_count(full) + 1


def _write_figures(
    figures: FigureFiles,
    loaded: LoadedModel,
    heads: Sequence[MeasuredHead],
    baseline: HeadScores,
    measured_on: str,
    *,
    as_json: bool,
) -> bool:
    """Writes the figures that were asked for; whether nothing more is to be printed."""
    from attn_cli.inspection.figures.heads import draw_heads

    title, unit = (
        f"{without_private_paths(loaded).description}, {measured_on}",
        loaded.tokenizer.unit,
    )
    return write_in_place(
        figures, lambda canvas: draw_heads(canvas, heads, baseline, title, unit), as_json=as_json
    )


def _record(head: MeasuredHead) -> dict[str, Any]:
    return {
        "layer": head.layer,
        "head": head.head,
        "name": head.name,
        **_scores(head.scores),
        "loss_increase": head.effect.loss_increase,
        "loss_increase_se": head.effect.standard_error,
    }


def _scores(scores: HeadScores) -> dict[str, float | None]:
    of_pairs = {"direction": scores.direction} if scores.is_cross else {}
    return {**scores.shares, "distance": scores.distance, "entropy": scores.entropy, **of_pairs}
