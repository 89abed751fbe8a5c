"""Characters that leave no mark, shown by marks."""

from __future__ import annotations

BLANKS = {" ": "␣", "\n": "⏎", "\t": "⇥", "\f": "␌"}


def printable_symbol(symbol: str) -> str:
    """One symbol of a vocabulary as it can be seen: blanks by a mark, controls written out."""
    if symbol in BLANKS:
        return BLANKS[symbol]
    return symbol if symbol.isprintable() else symbol.encode("unicode_escape").decode()
