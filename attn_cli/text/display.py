"""Symbols as they can be seen: blanks and control characters have marks of their own."""

BLANKS = {" ": "␣", "\n": "⏎", "\t": "⇥", "\f": "␌"}


def printable_symbol(symbol: str) -> str:
    """A symbol of a vocabulary with blanks as marks and control characters escaped."""
    if symbol in BLANKS:
        return BLANKS[symbol]
    return symbol if symbol.isprintable() else symbol.encode("unicode_escape").decode()
