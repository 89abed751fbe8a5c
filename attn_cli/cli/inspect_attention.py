"""`attn inspect-attention`: the attention weights of every head, from a real forward pass."""

from typing import Annotated

import typer

from attn_cli.cli.label_report import evidence_record
from attn_cli.cli.options import (
    ConfigOption,
    HeadOption,
    JsonOption,
    LayerOption,
    PageOption,
    RunOption,
    TextArgument,
)
from attn_cli.cli.run_or_text import encode_text
from attn_cli.cli.terminal import console, notice, result_json
from attn_cli.errors import InputError


def inspect_attention(
    text: TextArgument,
    run: RunOption = None,
    config: ConfigOption = None,
    layer: LayerOption = None,
    head: HeadOption = None,
    values: Annotated[
        bool, typer.Option("--values", help="Numbers in place of shades, in hundredths.")
    ] = False,
    html: PageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how much each character attends to the others, in each head.

    A row is a query, a column a key. All heads are shown as small maps; a single head, by
    --layer and --head, or all with --values, in full. Of a classifier, also what each character
    does for the label.
    """
    if html is not None and values:
        raise InputError(
            "--html and --values exclude each other", "leave --values out: a page has every number"
        )
    from attn_cli.inspection.forward_pass import forward_pass, select_heads
    from attn_cli.runs.loaded_model import find_model

    loaded = find_model(run, config)
    layers, heads = loaded.select("layer", layer), loaded.select("head", head)
    ids = encode_text(loaded, text, "attn inspect-attention")
    if html is not None:
        from attn_cli.cli.page_file import write_page

        write_page(html, loaded, ids, layer=layers[0], head=heads[0], as_json=as_json)
        return
    weights = select_heads(forward_pass(loaded.model, ids).attention, layers, heads)
    characters, unit = loaded.symbols(ids), loaded.tokenizer.unit
    evidence = None
    if loaded.labels:
        from attn_cli.inspection.label_evidence import label_evidence

        evidence = label_evidence(loaded.classifier, ids, first=len(loaded.line_beginning))
    if as_json:
        record = {
            "model": loaded.description,
            "unit": unit,
            "characters": characters,
            "layers": list(layers),
            "heads": list(heads),
            "weights": weights.astype(float).round(7).tolist(),
        }
        of_label = {} if evidence is None else evidence_record(evidence, loaded.labels)
        result_json({**record, **of_label})
        return

    from attn_cli.inspection.terminal.attention_map import attention_view

    notice(loaded.describe(ids))
    console().print(attention_view(weights, layers, heads, characters, unit, numbers=values))
    if evidence is not None:
        from attn_cli.inspection.terminal.label_evidence import label_view

        console().print()
        console().print(label_view(evidence, characters, loaded.labels))
