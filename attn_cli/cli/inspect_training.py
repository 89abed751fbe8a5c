"""`attn inspect-training`: how a run's attention and samples changed over its checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attn_cli.cli.completion import run_names
from attn_cli.cli.evaluation_text import hint_on_missing_text
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


@working("looking into each checkpoint")
def inspect_training(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RUN]",
            parser=run_option,
            autocompletion=run_names,
            help="A run's folder or the beginning of its name; the newest when left out.",
        ),
    ] = None,
    run_option: RunOption = None,
    text: Annotated[
        str | None,
        typer.Option(help="The text to run each checkpoint on; the run's validation text."),
    ] = None,
    layer: LayerOption = None,
    head: HeadOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how attention and samples changed over the checkpoints that a run kept.

    A run keeps its newest two and its best; --set train.keep_checkpoints=20 keeps more. Of an
    encoder, the bits are those of each character of the text when it is hidden.
    """
    from attn_cli.inspection.forward_pass import select_heads
    from attn_cli.inspection.history import snapshots, summarise
    from attn_cli.runs.load_model import load_model

    if run is not None and run_option is not None:
        raise InputError("RUN and --run are the same", "give one of the two")
    loaded = load_model(run or run_option)
    loaded.require(("lm", "mlm"), "attn inspect-training")
    layers, heads = loaded.select("layer", layer), loaded.select("head", head)
    ids = _text_ids(loaded, text)
    kept = list(snapshots(loaded.folder, ids, notice))
    summaries = summarise(kept, loaded.tokenizer.symbols, layers, heads)
    maps = [select_heads(snapshot.attention, layers, heads) for snapshot in kept]
    characters = loaded.symbols(ids)
    if as_json:
        result_json(
            {
                "run": str(loaded.folder.path),
                "unit": loaded.tokenizer.unit,
                "characters": characters,
                "layers": list(layers),
                "heads": list(heads),
                "checkpoints": list(map(_record, summaries, maps)),
            }
        )
        return
    notice(loaded.describe(ids))
    tokenizer, unit = loaded.tokenizer, loaded.tokenizer.unit
    for summary, weights in zip(summaries, maps, strict=True):
        _print_snapshot(
            summary, weights, layers, heads, characters, unit, encoder=tokenizer.mask_id is not None
        )
    if len(kept) == 1:
        notice("the run kept one checkpoint; --set train.keep_checkpoints=20 keeps more")


def _text_ids(loaded: TrainedModel, text: str | None) -> Sequence[int]:
    """The ids of a text, or of the beginning of the run's validation text."""
    from attn_cli.inspection.history import default_text

    with hint_on_missing_text("name a text: --text TEXT"):
        if text is None:
            return default_text(loaded)
        return encode_text(loaded, text, "attn inspect-training")


def _record(summary: CheckpointSummary, weights: NDArray[np.float32]) -> dict[str, Any]:
    return {**asdict(summary), "weights": weights.astype(float).round(7).tolist()}


def _print_snapshot(
    summary: CheckpointSummary,
    weights: NDArray[np.float32],
    layers: range,
    heads: range,
    characters: list[str],
    unit: str,
    *,
    encoder: bool,
) -> None:
    """A checkpoint's figures, its attention maps and the beginning of its sample."""
    from attn_cli.inspection.terminal.attention_map import attention_view

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
