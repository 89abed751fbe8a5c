"""Text as a terminal or a page can show it.

What its readers see, or need to see it, stays as it is: joiners, combining marks and all kinds
of blanks among them. Only what moves a cursor, hides text or turns its direction is escaped.
"""

import re
from collections.abc import Iterable

# Signs, of one cell each, for what cannot be seen by itself.
SIGNS = {
    " ": "␣", "\n": "⏎", "\t": "⇥", "\f": "␌",
    "\u00a0": "⍽", "\u3000": "□", "\u200c": "¦", "\u200d": "⁀",
}  # fmt: skip
EMOJI_MODIFIERS = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"  # wide where they are alone
UNSHOWN = "▯"  # in a map, for what has no sign

_UNSAFE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but newline and tab
    "\u2028\u2029"  # separators of lines and paragraphs
    "\u202a-\u202e\u2066-\u206f"  # embeddings, overrides and isolates of direction
    "\ufff9-\ufffb"  # annotations between lines
    "\ud800-\udfff"  # halves of characters, which no stream can write
    "\U000e0000-\U000e007f"  # tags, which are not drawn
    "]"
)


def replacements(pairs: Iterable[tuple[str, str]]) -> str:
    """What became of some characters, `'é' as 'e', '☃' left out`."""
    return ", ".join(f"{old!r} as {new!r}" if new else f"{old!r} left out" for old, new in pairs)


def escape_control_characters(text: str) -> str:
    """A text with what is unsafe to print escaped; newlines and tabs stay.

    A form feed, the separator of documents, becomes an empty line.
    """
    return _UNSAFE.sub(lambda match: _escape(match[0]), text.replace("\f", "\n"))


def quoted(text: str) -> str:
    """A text in quotes on one line, as `repr` gives it, but with all that is safe as it is."""
    quote = '"' if "'" in text and '"' not in text else "'"
    escaped = re.sub(r"[\\\n\t\f]|" + _UNSAFE.pattern, lambda match: _escape(match[0]), text)
    return f"{quote}{escaped.replace(quote, chr(92) + quote)}{quote}"


def counted(number: int, noun: str) -> str:
    """A number of things in words: "1 line", "1,280 lines"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def format_bytes(size: int) -> str:
    """A number of bytes for people to read: `1.5 GiB`, `12 MiB`, `1.9 MiB`, `3.4 KiB`, `1 byte`."""
    if size >= 2**30:
        return f"{size / 2**30:,.1f} GiB"
    if size >= 10 * 2**20:
        return f"{size / 2**20:,.0f} MiB"
    if size >= 2**20:
        return f"{size / 2**20:.1f} MiB"
    return f"{size / 2**10:,.1f} KiB" if size >= 2**10 else counted(size, "byte")


def printable_symbol(symbol: str) -> str:
    """A symbol of a vocabulary by itself, visible in a table.

    Common blanks and joiners have signs, a combining mark sits on a dotted circle, and what is
    unsafe, a rare blank or the skin of an emoji is escaped.
    """
    if symbol in SIGNS:
        return SIGNS[symbol]
    if symbol.isspace() or _UNSAFE.match(symbol) or symbol in EMOJI_MODIFIERS:
        return _escape(symbol)
    if symbol.isascii() or _cells(symbol):
        return symbol
    return f"◌{symbol}"


def map_symbol(symbol: str) -> str:
    """The same in a map, where all columns are as wide as the widest: with a sign for an escape."""
    shown = printable_symbol(symbol)
    escaped = len(symbol) == 1 and len(shown) > 1 and shown.startswith("\\")
    return UNSHOWN if escaped else shown


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _cells(text: str) -> int:
    """The width of a text in a terminal's columns."""
    from rich.cells import cell_len  # only scripts other than ASCII need its tables

    return cell_len(text)
