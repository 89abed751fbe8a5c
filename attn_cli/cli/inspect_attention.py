"""`attn inspect-attention`: the attention weights of every head, from a real forward pass."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from attn_cli.cli.figure_options import NO_FIGURES, FigureFiles, write_in_place
from attn_cli.cli.flags import options_from_dataclass
from attn_cli.cli.label_report import evidence_record
from attn_cli.cli.options import (
    ConfigOption,
    HeadOption,
    JsonOption,
    LayerOption,
    PageOption,
    RunOption,
    TargetOption,
    TextArgument,
)
from attn_cli.cli.page_file import without_private_paths
from attn_cli.cli.run_or_text import encode_text
from attn_cli.cli.terminal import console, notice, result_json
from attn_cli.errors import InputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from attn_cli.inspection.attention_maps import AttentionMaps
    from attn_cli.inspection.mask_effect import MaskEffect
    from attn_cli.inspection.pair_pass import PairPass
    from attn_cli.runs.loaded_model import LoadedModel

PartOption = Annotated[
    Literal["cross", "encoder", "decoder"] | None,
    typer.Option(
        show_default="cross",
        help="For an encoder-decoder: how the target attends to the source (cross), the source to "
        "itself (encoder), or the target to itself (decoder).",
    ),
]


ValuesOption = Annotated[
    bool, typer.Option("--values", help="Numbers in place of shades, in hundredths.")
]
NoMaskOption = Annotated[
    bool,
    typer.Option(
        "--no-mask", help="For a decoder: without the causal mask, and what that changes."
    ),
]


@options_from_dataclass
def inspect_attention(
    text: TextArgument,
    target: TargetOption = None,
    part: PartOption = None,
    run: RunOption = None,
    config: ConfigOption = None,
    layer: LayerOption = None,
    head: HeadOption = None,
    values: ValuesOption = False,
    no_mask: NoMaskOption = False,
    figures: FigureFiles = NO_FIGURES,
    html: PageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how much each character attends to the others.

    A row is a query, a column a key. All heads are shown as small maps; a single head, by
    --layer and --head, or all with --values, in full. For an encoder-decoder it is the alignment:
    the target down, the source across. For a classifier, also what each character does for the
    label.

    Examples:
      attn inspect-attention "The owl met the fox"
      attn inspect-attention "The owl met the fox" --layer 2 --head 1
      attn inspect-attention "The owl met the fox" --html page.html
    """
    _check_options(figures, html, values=values, no_mask=no_mask)
    from attn_cli.inspection.attention_maps import text_maps
    from attn_cli.inspection.forward_pass import forward_pass
    from attn_cli.inspection.mask_effect import mask_effect
    from attn_cli.runs.load_model import find_model

    loaded = find_model(run, config)
    layers, heads = loaded.select("layer", layer), loaded.select("head", head)
    if target is not None or part is not None:
        loaded.require("seq2seq", "`target`" if target is not None else "`part`")
    if no_mask:
        loaded.require("lm", "`no_mask`")
    if loaded.config.task == "seq2seq":
        if html is not None:
            chosen = {"layer": layer, "head": head}
            _write_translation_page(html, loaded, text, target, part, **chosen, as_json=as_json)
            return
        activations, maps, title = _read_pair(loaded, text, target, part, layers, heads)
        if not _write_figures(figures, maps, title, as_json=as_json):
            _show_pair(loaded, activations, maps, values=values, as_json=as_json)
        return
    ids = encode_text(loaded, text, "attn inspect-attention")
    if html is not None:
        from attn_cli.cli.page_file import write_page

        write_page(html, loaded, ids, layer=layer, head=head, as_json=as_json)
        return
    read = forward_pass(loaded.model, ids, mask=not no_mask)
    maps = text_maps(loaded, read, layers, heads)
    title = without_private_paths(loaded).describe(ids) + ", without the mask" * no_mask
    if not _write_figures(figures, maps, title, as_json=as_json):
        effect = mask_effect(loaded.model, ids, read) if no_mask else None
        _show_text(loaded, ids, maps, effect, values=values, as_json=as_json)


def _check_options(figures: FigureFiles, html: Path | None, *, values: bool, no_mask: bool) -> None:
    """Refuses what cannot be written, before the work, and what does not go together."""
    figures.check(["--html"] if html is not None else [])
    if html is not None and values:
        raise InputError("--html and --values exclude each other", "give one of the two")
    if html is not None and no_mask:
        raise InputError("--html and --no-mask exclude each other", "the page has a switch for it")


def _read_pair(
    loaded: LoadedModel,
    source: str,
    target: str | None,
    part: Literal["cross", "encoder", "decoder"] | None,
    layers: range,
    heads: range,
) -> tuple[PairPass, AttentionMaps, str]:
    """What an encoder-decoder makes of a pair: its tensors, the maps of a part, and their title."""
    from attn_cli.inspection.attention_maps import pair_maps
    from attn_cli.inspection.pair_pass import describe_pair, pair_pass

    activations = pair_pass(loaded, source, target)
    maps = pair_maps(loaded, activations, part or "cross", layers, heads)
    return activations, maps, describe_pair(without_private_paths(loaded), activations)


def _write_translation_page(
    html: Path,
    loaded: LoadedModel,
    source: str,
    target: str | None,
    part: str | None,
    *,
    layer: int | None,
    head: int | None,
    as_json: bool,
) -> None:
    """Writes the page of an encoder-decoder, which opens with a source."""
    from attn_cli.cli.page_file import write_translation_page
    from attn_cli.inspection.pair_pass import encode_pair

    if target is not None or part is not None:
        raise InputError(
            "--html excludes --target and --part",
            "the page writes the target itself and has the encoder's maps, too",
        )
    source_ids, _ = encode_pair(loaded, source, None)
    write_translation_page(html, loaded, source_ids, layer=layer, head=head, as_json=as_json)


def _write_figures(figures: FigureFiles, maps: AttentionMaps, title: str, *, as_json: bool) -> bool:
    """Writes the figures that were asked for; whether nothing more is to be printed."""
    from attn_cli.inspection.figures.attention import draw_attention

    return write_in_place(
        figures, lambda canvas: draw_attention(canvas, maps, title), as_json=as_json
    )


def _show_text(
    loaded: LoadedModel,
    ids: tuple[int, ...],
    maps: AttentionMaps,
    effect: MaskEffect | None,
    *,
    values: bool,
    as_json: bool,
) -> None:
    """Prints the maps of a text, and of a classifier what speaks for the label.

    `effect`: what it changes that there is no mask; None where it is there.
    """
    evidence = None
    if loaded.labels:
        from attn_cli.inspection.label_evidence import label_evidence

        evidence = label_evidence(loaded.classifier, ids, first=len(loaded.line_beginning))
    if as_json:
        of_label = {} if evidence is None else evidence_record(evidence, loaded.labels)
        of_mask = {} if effect is None else dataclasses.asdict(effect)
        masked = loaded.config.task == "lm" and effect is None
        result_json({**_record(loaded, maps), "mask": masked, **of_mask, **of_label})
        return

    notice(loaded.describe(ids))
    if effect is not None:
        from attn_cli.inspection.terminal.paragraph import Paragraph

        console().print(Paragraph(effect.sentence(maps.unit)))
    console().print(_view(maps, values))
    if evidence is not None:
        from attn_cli.inspection.terminal.label_evidence import label_view

        console().print()
        console().print(label_view(evidence, maps.keys, loaded.labels))


def _show_pair(
    loaded: LoadedModel,
    activations: PairPass,
    maps: AttentionMaps,
    *,
    values: bool,
    as_json: bool,
) -> None:
    """Prints the alignment of a source and a target, or how one of them attends to itself."""
    from attn_cli.inspection.pair_pass import describe_pair

    if as_json:
        from attn_cli.inspection.alignment import alignment_bits

        bits = alignment_bits(maps.weights).round(4).tolist()
        of_cross = {"alignment_bits": bits} if maps.part == "cross" else {}
        symbols = {
            "part": maps.part,
            "source": loaded.symbols(activations.source_ids),
            "target": loaded.symbols(activations.target_ids),
        }
        result_json({**_record(loaded, maps), **symbols, **of_cross})
        return

    from attn_cli.inspection.terminal.alignment import alignment_view

    notice(describe_pair(loaded, activations))
    is_cross = maps.part == "cross"
    console().print(alignment_view(maps, values) if is_cross else _view(maps, values))


def _worth_a_look(maps: AttentionMaps) -> str:
    """Which of the heads shows most, where it does, and how to see it in full."""
    from attn_cli.inspection.telling_head import most_telling

    found = most_telling(maps.weights)
    layer, head = maps.layers[found.layer - 1], maps.heads[found.head - 1]
    found = dataclasses.replace(found, layer=layer, head=head)
    return f"{found.sentence(maps.queries)} In full: --layer {layer} --head {head}"


def _view(maps: AttentionMaps, values: bool) -> RenderableType:
    """The maps, where there are several after a line that says which to look at."""
    from rich.console import Group

    from attn_cli.inspection.terminal.attention_map import attention_view
    from attn_cli.inspection.terminal.paragraph import Paragraph

    view = attention_view(
        maps.weights, maps.layers, maps.heads, maps.keys, maps.unit, numbers=values
    )
    several = maps.weights.shape[:2] != (1, 1) and len(maps.keys) > 2 and not values
    return Group(Paragraph(_worth_a_look(maps)), view) if several else view


def _record(loaded: LoadedModel, maps: AttentionMaps) -> dict[str, Any]:
    return {
        "model": loaded.description,
        "unit": maps.unit,
        "characters": list(maps.queries),
        "layers": list(maps.layers),
        "heads": list(maps.heads),
        "weights": maps.weights.astype(float).round(7).tolist(),
    }
