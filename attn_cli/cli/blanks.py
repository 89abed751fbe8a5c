"""Blanks in a text: characters that are missing, which an encoder fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attn_cli.cli.terminal import notice
from attn_cli.errors import DatasetError

if TYPE_CHECKING:
    from attn_cli.runs.loaded_model import LoadedModel

BLANK = "_"  # stands for a hidden character in a text for an encoder
_MAX_SEARCHED = 2**26  # ids of a training text


def note_known_blank(texts: Sequence[str], loaded: LoadedModel) -> None:
    """A notice where the default blank is an ordinary character of the model's training text."""
    literal = f"\\{BLANK}"
    if any(literal in text for text in texts):
        return
    count = _count_in_training_text(BLANK, loaded)
    if count:
        notice(
            f"{BLANK} is in the text that the model was trained on, too ({count:,} times); here "
            f"each is a blank: write {literal} where it is not, or choose another with --blank"
        )


def note_blank(prompt: str, loaded: LoadedModel) -> None:
    """A notice where a prompt for a decoder seems to have a blank, which only an encoder fills."""
    if BLANK in prompt and _count_in_training_text(BLANK, loaded) == 0:
        notice(
            f"{BLANK} is not in the text that the model was trained on; an encoder fills "
            "blanks: attn train TEXT --task mlm, then attn fill"
        )


def _count_in_training_text(char: str, loaded: LoadedModel) -> int | None:
    """How often a character is in the text of a run, or in its beginning; None where it is gone."""
    if char not in loaded.tokenizer.symbols:
        return 0
    try:
        ids = loaded.corpus().ids[:_MAX_SEARCHED]
    except DatasetError:
        return None
    return int((ids == loaded.tokenizer.symbols.index(char)).sum())
