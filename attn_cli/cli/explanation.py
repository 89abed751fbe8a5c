"""`attn generate --explain`: a line for each character that was written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attn_cli.cli.terminal import visible_controls

if TYPE_CHECKING:
    from attn_cli.generation.writer import Alternative, Writing

_VISIBLE = {" ": "␣", "\n": "⏎", "\t": "⇥"}


def explanation(writing: Writing) -> Iterator[str]:
    """The text with its prompt, then each character that was written and its alternatives."""
    sample = writing.sample()
    yield sample.prompt + sample.text
    yield ""
    yield "wrote   odds  the likeliest, after the controls"
    for char, odds, alternatives in writing.explained():
        yield f"{_shown(char):5} {odds:6.1%}  " + "  ".join(map(_listed, alternatives))


def _listed(alternative: Alternative) -> str:
    return f"{_shown(alternative.char)} {alternative.odds:.1%}"


def _shown(char: str) -> str:
    return _VISIBLE.get(char, visible_controls(char))
