"""`attn inspect-training`: how a run's attention and samples changed over its checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attn_cli.cli.completion import run_names
from attn_cli.cli.evaluation_text import hint_on_missing_text
from attn_cli.cli.figure_options import NO_FIGURES, FigureFiles, write_in_place
from attn_cli.cli.flags import options_from_dataclass
from attn_cli.cli.options import HeadOption, JsonOption, LayerOption, RunOption, run_option
from attn_cli.cli.run_or_text import encode_text
from attn_cli.cli.terminal import console, notice, result, result_json
from attn_cli.cli.working import working
from attn_cli.errors import InputError
from attn_cli.text.display import escape_control_characters, printable_symbol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from attn_cli.inspection.history import CheckpointSummary
    from attn_cli.runs.loaded_model import TrainedModel

SAMPLE_LINES = 3  # shown of each sample


@options_from_dataclass
@working("looking into each checkpoint")
def inspect_training(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN",
            parser=run_option,
            autocompletion=run_names,
            show_default="the newest",
            help="A run's folder, its name or the beginning of it.",
        ),
    ] = None,
    run_option: RunOption = None,
    text: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            show_default="the run's validation text",
            help="The text to run each checkpoint on.",
        ),
    ] = None,
    layer: LayerOption = None,
    head: HeadOption = None,
    figures: FigureFiles = NO_FIGURES,
    as_json: JsonOption = False,
) -> None:
    """Show how attention changed while a run was trained.

    A run keeps its newest two checkpoints and its best; train with --set
    train.keep_checkpoints=20 to keep more. For an encoder, the bits are those of each character
    of the text when it is hidden.

    Examples:
      attn inspect-training
      attn inspect-training --text "The owl met the fox"
    """
    figures.check()
    from attn_cli.inspection.forward_pass import select_heads
    from attn_cli.inspection.history import snapshots, summarise
    from attn_cli.runs.load_model import load_model

    loaded = load_model(_one_of(run, run_option))
    loaded.require(("lm", "mlm"), "attn inspect-training")
    layers, heads = loaded.select("layer", layer), loaded.select("head", head)
    characters = loaded.symbols(ids := _text_ids(loaded, text))
    kept = list(snapshots(loaded.folder, ids, notice))
    summaries = summarise(kept, loaded.tokenizer.symbols, layers, heads)
    maps = [select_heads(snapshot.attention, layers, heads) for snapshot in kept]
    by_step = {snapshot.step: weights for snapshot, weights in zip(kept, maps, strict=True)}
    if _write_figures(figures, loaded, ids, by_step, as_json=as_json):
        return
    if as_json:
        shown = {"characters": characters, "layers": list(layers), "heads": list(heads)}
        of_run = {"run": str(loaded.folder.path), "unit": loaded.tokenizer.unit}
        result_json({**of_run, **shown, "checkpoints": list(map(_record, summaries, maps))})
        return
    notice(loaded.describe(ids))
    for summary, weights in zip(summaries, maps, strict=True):
        _print_snapshot(loaded, summary, weights, layers, heads, characters)
    if len(kept) == 1:
        notice("the run kept one checkpoint; --set train.keep_checkpoints=20 keeps more")


def _one_of(run: Path | None, run_option: Path | None) -> Path | None:
    if run is not None and run_option is not None:
        raise InputError("RUN and --run are the same", "give one of the two")
    return run or run_option


def _text_ids(loaded: TrainedModel, text: str | None) -> Sequence[int]:
    """The ids of a text, or of the beginning of the run's validation text."""
    from attn_cli.inspection.history import default_text

    with hint_on_missing_text("name a text: --text TEXT"):
        if text is None:
            return default_text(loaded)
        return encode_text(loaded, text, "attn inspect-training")


def _write_figures(
    figures: FigureFiles,
    loaded: TrainedModel,
    ids: Sequence[int],
    maps: Mapping[int, NDArray[np.float32]],
    *,
    as_json: bool,
) -> bool:
    """Writes the figures that were asked for; whether nothing more is to be printed.

    Args:
        figures: Perhaps none.
        loaded: The run.
        ids: The text.
        maps: The weights of the selected heads by step, (L, H, T, T).
        as_json: Whether JSON is printed, and no paths.
    """
    from attn_cli.figures.loss import loss_plot
    from attn_cli.inspection.figures.history import draw_history
    from attn_cli.runs.metrics import read_metrics
    from attn_cli.text.builtin import loss_floor

    losses = loss_plot(
        list(read_metrics(loaded.folder.metrics)), loss_floor(loaded.config), by_step=True
    )
    text = replace(loaded, description=loaded.name).describe(ids)
    return write_in_place(
        figures, lambda canvas: draw_history(canvas, losses, maps, text), as_json=as_json
    )


def _record(summary: CheckpointSummary, weights: NDArray[np.float32]) -> dict[str, Any]:
    return {**asdict(summary), "weights": weights.astype(float).round(7).tolist()}


def _print_snapshot(
    loaded: TrainedModel,
    summary: CheckpointSummary,
    weights: NDArray[np.float32],
    layers: range,
    heads: range,
    characters: list[str],
) -> None:
    """A checkpoint's figures, its attention maps and the beginning of its sample."""
    from attn_cli.inspection.terminal.attention_map import attention_view

    unit, encoder = loaded.tokenizer.unit, loaded.tokenizer.mask_id is not None
    out = console()
    out.print(_heading(summary, unit, encoder=encoder), style="bold")
    out.print(attention_view(weights, layers, heads, characters, unit))
    for line in _sample_lines(summary.sample):
        out.print(escape_control_characters(line), no_wrap=True, overflow="ellipsis")
    result()


def _heading(summary: CheckpointSummary, unit: str, *, encoder: bool) -> str:
    parts = [f"step {summary.step:,}"]
    if summary.val_loss is not None:
        parts.append(f"val loss {summary.val_loss:.4f} nats")
    if summary.bits_per_char is not None:
        parts.append(f"{summary.bits_per_char:.2f} bits per {unit} of this text")
    if summary.next is not None:
        what = "blank" if encoder else "next"
        parts.append(f"{what} {printable_symbol(summary.next)} with {summary.next_probability:.0%}")
    if summary.attention_shift is not None:
        parts.append(f"{summary.attention_shift:.0%} of the attention shifted since the last")
    return " · ".join(parts)


def _sample_lines(sample: str) -> Iterator[str]:
    lines = list(filter(None, sample.splitlines()))[:SAMPLE_LINES]
    if lines:
        yield "\nsample:"
        yield from lines
