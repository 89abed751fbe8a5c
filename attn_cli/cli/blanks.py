"""Blanks in a text: characters that are missing, which an encoder fills."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from attn_cli.cli.terminal import notice
from attn_cli.errors import DatasetError, InputError
from attn_cli.text.display import quoted

if TYPE_CHECKING:
    from attn_cli.runs.loaded_model import LoadedModel

DEFAULT_BLANK = "_"
_MAX_SEARCHED = 2**26  # ids of a training text


def split_at_blanks(
    texts: Sequence[str], blank: str | None, loaded: LoadedModel
) -> list[list[str]]:
    """What stands before, between and after the blanks of each text.

    A backslash before the character of a blank makes it an ordinary one.

    Args:
        texts: Of which one at least has to have a blank.
        blank: The character that stands for one; None for the default, with a notice where the
            model knows it as an ordinary one.
        loaded: The model.

    Raises:
        InputError: None of the texts has a blank.
    """
    char = blank or DEFAULT_BLANK
    literal = f"\\{char}"
    splits = [re.split(rf"(?<!\\){re.escape(char)}", text) for text in texts]
    if all(len(parts) == 1 for parts in splits):
        where = quoted(texts[0]) if len(texts) == 1 else "any of the texts"
        raise InputError(f"no blank in {where}", f"write {char} for each character that is missing")
    if blank is None and not any(literal in text for text in texts):
        count = _count_in_training_text(char, loaded)
        if count:
            notice(
                f"{char} is in the text that the model was trained on, too ({count:,} times); here "
                f"each is a blank: write {literal} where it is not, or choose another with --blank"
            )
    return [[part.replace(literal, char) for part in parts] for parts in splits]


def note_blank(prompt: str, loaded: LoadedModel) -> None:
    """A notice where a prompt for a decoder seems to have a blank, which only an encoder fills."""
    if DEFAULT_BLANK in prompt and _count_in_training_text(DEFAULT_BLANK, loaded) == 0:
        notice(
            f"{DEFAULT_BLANK} is not in the text that the model was trained on; an encoder fills "
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
