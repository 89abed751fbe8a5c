"""`attn inspect-heads`: what each head does, measured over a text."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli.evaluate import text_of_file
from attn_cli.cli.options import ConfigOption, JsonOption, RunOption
from attn_cli.cli.terminal import console, notice, result_json

if TYPE_CHECKING:
    from attn_cli.inspection.subject import Subject
    from attn_cli.text.tokenizer import Ids

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

    from attn_cli.inspection.heads import head_scores, loss_rises
    from attn_cli.inspection.subject import find_subject

    subject = find_subject(run, config)
    whole = _text(file, subject)
    ids: Ids = whole[:chars]
    scores, evenly = head_scores(subject.model, ids, subject.tokenizer.symbols)
    numbered = [
        (layer, head, score)
        for layer, of_layer in enumerate(scores, 1)
        for head, score in enumerate(of_layer, 1)
    ]
    rises = tqdm(
        loss_rises(subject.model, ids),
        "without each head",
        len(numbered),
        leave=False,
        disable=None,
    )
    heads = [
        {
            "layer": layer,
            "head": head,
            "name": score.name(evenly),
            **asdict(score),
            "loss_rise": rise.nats,
            "loss_rise_error": rise.error,
        }
        for (layer, head, score), rise in zip(numbered, rises, strict=True)
    ]
    if as_json:
        result_json(
            {
                "origin": subject.origin,
                "text": file or "validation split",
                "chars": len(ids),
                "heads": heads,
                "evenly": asdict(evenly),
            }
        )
        return

    from attn_cli.inspection.heads_table import heads_table

    of = f"the first {len(ids):,} of {len(whole):,}" if len(ids) < len(whole) else f"{len(ids):,}"
    notice(f"{subject.origin}, {file or 'validation split'}: {of} {subject.tokenizer.unit}s")
    console().print(heads_table(heads, asdict(evenly), subject.tokenizer.unit))


def _text(file: str | None, subject: Subject) -> Ids:
    """The text that was named, or the validation split."""
    from attn_cli.errors import TextError

    if file is not None:
        return text_of_file(file, subject.tokenizer, subject.config.data.unknown)
    try:
        return subject.validation()
    except TextError as error:
        hint = "name a text to measure on: attn inspect-heads FILE"
        raise TextError(error.message, hint) from None
