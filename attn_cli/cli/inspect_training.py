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

SAMPLE_LINES = 3  # of what it wrote that are shown


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
    from attn_cli.inspection.attention_map import LargeMap, SmallMaps
    from attn_cli.inspection.forward_pass import chosen_heads
    from attn_cli.inspection.history import snapshots, text_to_follow
    from attn_cli.runs.loaded_model import load_model

    loaded = load_model(run)
    layers, heads = loaded.select("layer", layer), loaded.select("head", head)
    ids = text_to_follow(loaded) if text is None else loaded.encode_prompt(text)
    characters = loaded.symbols(ids)
    kept = list(snapshots(loaded.folder, ids, notice))
    records = _records(loaded, kept, layers, heads)
    maps = [chosen_heads(snapshot.weights, layers, heads) for snapshot in kept]
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
        out.print(_heading(record), style="bold")
        if weights.shape[:2] == (1, 1):
            out.print(LargeMap(weights[0, 0], characters, numbers=False))
        else:
            out.print(SmallMaps(weights, layers, heads))
        wrote = list(filter(None, record["sample"].splitlines()))[:SAMPLE_LINES]
        if wrote:
            out.print("\nit wrote:", style="dim")
        for line in wrote:
            out.print(visible_controls(line), no_wrap=True, overflow="ellipsis")
        result()
    if len(kept) == 1:
        notice("the run kept one checkpoint; --set train.keep_checkpoints=20 keeps more")


def _records(
    loaded: LoadedModel, kept: Sequence[Snapshot], layers: range, heads: range
) -> list[dict[str, Any]]:
    """What is told of each checkpoint, the oldest first; of its attention, by the chosen heads."""
    from attn_cli.inspection.forward_pass import chosen_heads
    from attn_cli.inspection.history import moved
    from attn_cli.runs.metrics import bits

    records = []
    for before, snapshot in zip([None, *kept], kept, strict=False):
        likeliest = int(snapshot.next_odds.argmax())
        records.append(
            {
                "step": snapshot.step,
                "val_loss": snapshot.val_loss,
                "bits": bits(float(snapshot.losses.mean())) if len(snapshot.losses) else None,
                "next": loaded.tokenizer.symbols[likeliest],
                "next_odds": float(snapshot.next_odds[likeliest]),
                "moved": None
                if before is None
                else float(chosen_heads(moved(before, snapshot), layers, heads).mean()),
                "sample": snapshot.sample,
            }
        )
    return records


def _heading(record: Mapping[str, Any]) -> str:
    parts = [f"step {record['step']:,}"]
    if record["val_loss"] is not None:
        parts.append(f"val loss {record['val_loss']:.4f} nats")
    if record["bits"] is not None:
        parts.append(f"{record['bits']:.2f} bits each here")
    parts.append(f"next {printable_symbol(record['next'])} with {record['next_odds']:.0%}")
    if record["moved"] is not None:
        parts.append(f"{record['moved']:.0%} of the attention moved since the last")
    return " · ".join(parts)
