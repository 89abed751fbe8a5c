"""`attn inspect-training`: how a run's attention and samples changed over its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attn_cli.cli.options import HeadOption, JsonOption, LayerOption
from attn_cli.cli.terminal import console, notice, result, result_json, visible_controls
from attn_cli.text.display import printable_symbol

if TYPE_CHECKING:
    from attn_cli.inspection.history import Snapshot
    from attn_cli.runs.loaded_model import LoadedModel

SAMPLE_LINES = 3  # shown of each sample


def inspect_training(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN]", help="A run's folder or name; the newest when left out."),
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="What each checkpoint sees; the run's validation text.")
    ] = None,
    layer: LayerOption = None,
    head: HeadOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how attention and samples changed over the checkpoints that a run kept.

    A run keeps its newest two and its best; --set train.keep_checkpoints=20 keeps more.
    """
    from attn_cli.errors import DatasetError
    from attn_cli.inspection.forward_pass import select_heads
    from attn_cli.inspection.history import default_text, snapshots
    from attn_cli.inspection.terminal.attention_map import LargeMap, SmallMaps
    from attn_cli.runs.loaded_model import load_model

    loaded = load_model(run)
    layers, heads = loaded.select("layer", layer), loaded.select("head", head)
    try:
        ids = default_text(loaded) if text is None else loaded.encode_prompt(text)
    except DatasetError as error:
        raise DatasetError(error.message, "name a text: --text TEXT") from None
    characters = loaded.symbols(ids)
    kept = list(snapshots(loaded.folder, ids, notice))
    records = _records(loaded, kept, layers, heads)
    maps = [select_heads(snapshot.attention, layers, heads) for snapshot in kept]
    if as_json:
        result_json(
            {
                "run": str(loaded.folder.path),
                "characters": characters,
                "layers": list(layers),
                "heads": list(heads),
                "checkpoints": [
                    record | {"weights": weights.astype(float).round(7).tolist()}
                    for record, weights in zip(records, maps, strict=True)
                ],
            }
        )
        return

    notice(loaded.describe(ids))
    out = console()
    for record, weights in zip(records, maps, strict=True):
        out.print(_heading(record, loaded.tokenizer.unit), style="bold")
        if weights.shape[:2] == (1, 1):
            out.print(LargeMap(weights[0, 0], characters, numbers=False))
        else:
            out.print(SmallMaps(weights, layers, heads))
        sample = list(filter(None, record["sample"].splitlines()))[:SAMPLE_LINES]
        if sample:
            out.print("\nsample:", style="dim")
        for line in sample:
            out.print(visible_controls(line), no_wrap=True, overflow="ellipsis")
        result()
    if len(kept) == 1:
        notice("the run kept one checkpoint; --set train.keep_checkpoints=20 keeps more")


def _records(
    loaded: LoadedModel, kept: Sequence[Snapshot], layers: range, heads: range
) -> list[dict[str, Any]]:
    """What is shown of each checkpoint, the oldest first; the shift is that of these heads."""
    from attn_cli.inspection.forward_pass import select_heads
    from attn_cli.inspection.history import attention_shift
    from attn_cli.runs.metrics import bits

    records = []
    for before, snapshot in zip([None, *kept], kept, strict=False):
        top_id = int(snapshot.next_probs.argmax())
        records.append(
            {
                "step": snapshot.step,
                "val_loss": snapshot.val_loss,
                "bits_per_char": bits(float(snapshot.losses.mean()))
                if len(snapshot.losses)
                else None,
                "next": loaded.tokenizer.symbols[top_id],
                "next_probability": float(snapshot.next_probs[top_id]),
                "attention_shift": None
                if before is None
                else float(select_heads(attention_shift(before, snapshot), layers, heads).mean()),
                "sample": snapshot.sample,
            }
        )
    return records


def _heading(record: Mapping[str, Any], unit: str) -> str:
    parts = [f"step {record['step']:,}"]
    if record["val_loss"] is not None:
        parts.append(f"val loss {record['val_loss']:.4f} nats")
    if record["bits_per_char"] is not None:
        parts.append(f"{record['bits_per_char']:.2f} bits per {unit} on this text")
    parts.append(f"next {printable_symbol(record['next'])} with {record['next_probability']:.0%}")
    if record["attention_shift"] is not None:
        parts.append(f"{record['attention_shift']:.0%} of the attention shifted since the last")
    return " · ".join(parts)
