"""One pass over a text before it is encoded: its length, checksum, alphabet and kind."""

import hashlib
import re
import string
from dataclasses import dataclass

from attn_cli.text.sources import Source
from attn_cli.text.tokenizer import MARK, TokenizerKind

PER_OUTSIDE = 1000  # `auto` accepts one character outside the printable ones in so many

_MARKED = re.compile(f"{MARK}([^{MARK}]*){MARK}")
_PRINTABLE = string.printable.encode("ascii")

# What a list looks like: many short lines of few words, hardly any of them blank, indented or
# ending as a sentence or a verse does. Tried on names, surnames, towns, tables, plays, poems,
# source code, licences and logs.
MIN_LIST_LINES = 50
MAX_ITEM_CHARS = 60
MAX_ITEM_WORDS = 4  # on average
MAX_UNLIKE = 0.05  # fraction of lines that may be otherwise
_JUDGED = 2**20  # characters at the beginning of a text by which it is judged
_UNLIKE_ITEM = re.compile(r"\s|.*[.,;:!?…。，、！？；：]\s*$")


@dataclass(frozen=True)
class TextStats:
    """Totals of a text, before it is encoded.

    Attributes:
        sha256: Of the text in UTF-8, and of its labels, where it has some.
        chars: How many characters it has; a symbol that is marked in pairs counts as one.
        utf8_bytes: How many bytes they are in UTF-8.
        outside: How many of its characters are not among the 100 of `string.printable`.
        alphabet: Its distinct characters, and the symbols that are marked in pairs; empty where
            they were not asked for.
        list_lines: How many lines it has where it looks like a list; else 0.
    """

    sha256: str
    chars: int
    utf8_bytes: int
    outside: int
    alphabet: frozenset[str]
    list_lines: int

    @property
    def fitting_kind(self) -> TokenizerKind:
        """What `auto` chooses: `printable` for at most 1 character in 1,000 outside it."""
        if self.marked_symbols:
            return "corpus"
        return "printable" if self.outside * PER_OUTSIDE <= self.chars else "corpus"

    @property
    def marked_symbols(self) -> list[str]:
        """Its symbols of several characters, sorted."""
        return sorted(symbol for symbol in self.alphabet if len(symbol) > 1)

    @property
    def reason(self) -> str:
        """Why `auto` chose its kind, and how to choose another: a line for the user."""
        if self.marked_symbols:
            what = "corpus, the text's own characters and symbols"
            return f"vocabulary: {what}, such as {self.marked_symbols[0]}"
        if self.fitting_kind == "corpus":
            share = 100 * self.outside / self.chars
            percent = f"{share:.0f} %" if share >= 10 else f"{share:.2g} %"
            what = f"corpus, the text's own characters, as {percent} of the text is not ASCII"
        elif self.outside:
            one_in = f"1 character in {self.chars // self.outside:,}"
            what = f"printable (ASCII), as only {one_in} is outside it"
        else:
            what = "printable (ASCII), which covers the whole text"
        other = "bytes" if self.fitting_kind == "corpus" else "corpus"
        return f"vocabulary: {what}; for another, set data.tokenizer={other}"


def scan(source: Source, *, counted: bool) -> TextStats:
    """The totals of a text, from one pass over it.

    Args:
        source: The text.
        counted: Whether to count what is outside the printable characters, and to collect the
            alphabet.
    """
    digest = hashlib.sha256()
    beginning, last = "", "\n"
    chars = utf8_bytes = outside = newlines = 0
    alphabet: set[str] = set()
    missing = string.printable
    for chunk in source.chunks():
        encoded = chunk.encode("utf-8")
        digest.update(encoded)
        utf8_bytes += len(encoded)
        if source.pair_format is not None and MARK in chunk:
            symbols = _MARKED.findall(chunk)
            alphabet.update(symbols)
            chars += len(symbols)
            chunk = _MARKED.sub("", chunk)
            encoded = chunk.encode("utf-8")
        chars += len(chunk)
        newlines += chunk.count("\n")
        beginning += chunk[: _JUDGED - len(beginning)]
        last = chunk[-1]
        if not counted:
            continue
        # All but a few bytes of most texts go here, faster than characters could be compared.
        rest = encoded.translate(None, delete=_PRINTABLE).decode("utf-8")
        outside += len(rest)
        alphabet.update(rest)
        alphabet.update(symbol for symbol in missing if symbol in chunk)
        missing = "".join(symbol for symbol in missing if symbol not in alphabet)
    if (labels := source.labels()) is not None:
        digest.update(labels.digest())
    lines = newlines + (last != "\n") if looks_like_a_list(beginning) else 0
    return TextStats(digest.hexdigest(), chars, utf8_bytes, outside, frozenset(alphabet), lines)


def looks_like_a_list(text: str) -> bool:
    """Whether a text is a list of names, words or rows, rather than prose, verse or code."""
    lines = re.split("[\n\f]", text)[:-1]  # the last may be cut
    if len(lines) < MIN_LIST_LINES or max(map(len, lines)) > MAX_ITEM_CHARS:
        return False
    unlike = sum(not line or _UNLIKE_ITEM.match(line) is not None for line in lines)
    return len(text.split()) <= MAX_ITEM_WORDS * len(lines) and unlike <= MAX_UNLIKE * len(lines)
