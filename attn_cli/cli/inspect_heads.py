"""`attn inspect-heads`: what each head does, measured over a text."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli.evaluate import text_of_file
from attn_cli.cli.options import ConfigOption, JsonOption, RunOption
from attn_cli.cli.terminal import console, notice, result_json

if TYPE_CHECKING:
    from attn_cli.runs.loaded_model import LoadedModel
    from attn_cli.text.tokenizer import TokenIds

ENOUGH = 16_384  # characters, by default: seconds, not minutes


def inspect_heads(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]", help="A text; the model's own validation split when left out."
        ),
    ] = None,
    run: RunOption = None,
    config: ConfigOption = None,
    chars: Annotated[
        int, typer.Option(min=2, help="Characters to measure on, from the text's beginning.")
    ] = ENOUGH,
    as_json: JsonOption = False,
) -> None:
    """Show where each head looks, on average over a text, and what the model loses without it.

    Shares are of a head's attention. The rise of the loss, in nats per character, is what taking
    the head away costs, with its standard error.
    """
    from tqdm import tqdm

    from attn_cli.inspection.heads import ablation_effects, head_scores
    from attn_cli.runs.loaded_model import find_model

    loaded = find_model(run, config)
    whole = _text(file, loaded)
    ids: TokenIds = whole[:chars]
    scores, uniform_baseline = head_scores(loaded.model, ids, loaded.tokenizer.symbols)
    numbered = [
        (layer, head, score)
        for layer, of_layer in enumerate(scores, 1)
        for head, score in enumerate(of_layer, 1)
    ]
    effects = tqdm(
        ablation_effects(loaded.model, ids),
        "without each head",
        len(numbered),
        leave=False,
        disable=None,
    )
    heads = [
        {
            "layer": layer,
            "head": head,
            "name": score.name(uniform_baseline),
            **asdict(score),
            "loss_increase": effect.loss_increase,
            "loss_increase_se": effect.standard_error,
        }
        for (layer, head, score), effect in zip(numbered, effects, strict=True)
    ]
    if as_json:
        result_json(
            {
                "model": loaded.description,
                "text": file or "validation split",
                "chars": len(ids),
                "heads": heads,
                "uniform_baseline": asdict(uniform_baseline),
            }
        )
        return

    from attn_cli.inspection.terminal.heads import heads_table

    of = f"the first {len(ids):,} of {len(whole):,}" if len(ids) < len(whole) else f"{len(ids):,}"
    notice(f"{loaded.description}, {file or 'validation split'}: {of} {loaded.tokenizer.unit}s")
    console().print(heads_table(heads, asdict(uniform_baseline), loaded.tokenizer.unit))


def _text(file: str | None, loaded: LoadedModel) -> TokenIds:
    """The text that was named, or the validation split."""
    from attn_cli.errors import DatasetError

    if file is not None:
        return text_of_file(file, loaded.tokenizer, loaded.config.data.unknown)
    try:
        return loaded.validation()
    except DatasetError as error:
        hint = "name a text to measure on: attn inspect-heads FILE"
        raise DatasetError(error.message, hint) from None
