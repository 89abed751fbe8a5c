"""Blanks in a text: characters that are missing, which an encoder fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attn_cli.cli.terminal import notice
from attn_cli.errors import AttnError

if TYPE_CHECKING:
    from attn_cli.runs.loaded_model import LoadedModel

BLANK = "_"  # stands for a hidden character in a text for an encoder


def note_known_blank(texts: Sequence[str], loaded: LoadedModel) -> None:
    """A notice where the default blank is an ordinary character of the model's training text."""
    literal = f"\\{BLANK}"
    if any(literal in text for text in texts):
        return
    count = _count_in_beginning(BLANK, loaded)
    if count:
        notice(
            f"{BLANK} is in the beginning of the text that the model was trained on, too "
            f"({count:,} times); here each is a blank: write {literal} where it is not, or choose "
            "another with --blank"
        )


def note_blank(prompt: str, loaded: LoadedModel) -> None:
    """A notice where a prompt for a decoder seems to have a blank, which only an encoder fills."""
    if BLANK in prompt and _count_in_beginning(BLANK, loaded) == 0:
        notice(
            f"{BLANK} is not in the beginning of the text that the model was trained on; "
            "an encoder fills blanks: attn train TEXT --task mlm, then attn fill"
        )


def _count_in_beginning(char: str, loaded: LoadedModel) -> int | None:
    """How often a character is in the first million of a model's text; None where it is gone."""
    if char not in loaded.tokenizer.symbols:
        return 0
    try:
        return next(loaded.source().chunks(), "").count(char)
    except AttnError:
        return None
