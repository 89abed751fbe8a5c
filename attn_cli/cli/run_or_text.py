"""A run given where a text is wanted: told with the command that was meant."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from attn_cli.cli.blanks import BLANK
from attn_cli.cli.terminal import notice
from attn_cli.errors import InputError, PromptError
from attn_cli.text.display import quoted

if TYPE_CHECKING:
    from attn_cli.runs.loaded_model import LoadedModel
    from attn_cli.text.tokenizer import Tokenizer

_MAX_PATH_CHARS = 500  # a longer text is nobody's file name


def check_text_is_no_run(name: str, meant: str) -> None:
    """Refuses a run where the name of a text is wanted.

    Args:
        name: What the user gave.
        meant: The hint, in which `RUN` stands for the run.

    Raises:
        InputError: It is a run, or one of its checkpoints, by its folder or by its name.
    """
    from attn_cli.text.builtin import BUILTIN_NAMES

    path = Path(name)
    if not name or len(name) > _MAX_PATH_CHARS or name in BUILTIN_NAMES or path.is_file():
        return
    if kind := _kind_of_run(path):
        raise InputError(f"{name} is a {kind}, not a text", meant.replace("RUN", shlex.quote(name)))


def _kind_of_run(path: Path) -> str | None:
    """Whether a path or a name is that of a run, a group or a sweep; None for a text."""
    from attn_cli.runs.run_lookup import find_named, is_checkpoint

    if is_checkpoint(path):
        return "run"
    if _is_text_folder(path):
        return None
    found = find_named(path)
    return found.kind if found else None


def _is_text_folder(path: Path) -> bool:
    """Whether this is a folder without runs, though a run may have the same name."""
    from attn_cli.runs.run_folder import is_run
    from attn_cli.runs.run_group import group_in

    return path.is_dir() and not is_run(path) and group_in(path) is None


def note_prompt_is_a_path(prompt: str, command: str) -> None:
    """A notice where a prompt is also the path of a run or a file, which may have been meant.

    Args:
        prompt: What the user gave, which is taken as the text itself.
        command: The command, `attn generate`.
    """
    if not prompt or len(prompt) > _MAX_PATH_CHARS or not os.path.lexists(prompt):
        return
    from attn_cli.runs.run_folder import is_run
    from attn_cli.runs.run_group import group_in
    from attn_cli.runs.run_lookup import is_checkpoint

    path, argument = Path(prompt), shlex.quote(prompt)
    if is_run(path) or is_checkpoint(path) or group_in(path):
        meant = f"for the model of that run: {command} --run {argument}"
    elif path.is_file():
        meant = f'for what is in that file: {command} "$(cat {argument})"'
    else:
        return
    notice(f"the text is {quoted(prompt)} itself; {meant}")


def encode_text(
    loaded: LoadedModel, text: str | None, command: str, *, may_be_empty: bool = False
) -> tuple[int, ...]:
    """The ids of a text that a model is to be shown on, with notices on how the text is taken.

    Args:
        loaded: The model.
        text: What the user gave; None for a text of the model's own. In a text for an encoder
            `_` stands for a hidden character.
        command: The command, `attn explain`.
        may_be_empty: Whether there is something to see of an empty text, where a decoder reads it:
            what a text begins after, and what it predicts then.

    Raises:
        InputError: The text is empty, is longer than the context, or has an unknown character.
    """
    if not (may_be_empty and loaded.config.task == "lm"):
        check_not_empty(text)
    note_prompt_is_a_path(text or "", command)
    note_normal_form(text or "", loaded.tokenizer)
    return loaded.encode_prompt(text, blank="" if loaded.tokenizer.mask_id is None else BLANK)


def check_not_empty(text: str | None) -> None:
    """Makes sure that there are characters to look at, if a text was given.

    Raises:
        PromptError: There are none.
    """
    if text == "":
        raise PromptError("the text is empty", "give one of at least one character")


def note_normal_form(text: str, tokenizer: Tokenizer) -> None:
    """A notice where a text is known to the model in another Unicode normal form only."""
    known = tokenizer.in_known_form(text)
    if known != text:
        how = "composed" if len(known) < len(text) else "decomposed"
        notice(f"accents of the text were {how}, as the model knows them")
