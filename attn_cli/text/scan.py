"""One pass over a text before it is encoded: its length, checksum and alphabet."""

import hashlib
import string
from dataclasses import dataclass

from attn_cli.text.sources import Source
from attn_cli.text.tokenizer import TokenizerKind

PER_OUTSIDE = 1000  # `auto` accepts one character outside the printable ones in so many

_PRINTABLE = string.printable.encode("ascii")


@dataclass(frozen=True)
class TextStats:
    """Totals of a text, before it is encoded.

    Attributes:
        sha256: Of the text in UTF-8.
        chars: How many characters it has.
        utf8_bytes: How many bytes they are in UTF-8.
        outside: How many of its characters are not among the 100 of `string.printable`.
        alphabet: Its distinct characters; empty where they were not asked for.
    """

    sha256: str
    chars: int
    utf8_bytes: int
    outside: int
    alphabet: frozenset[str]

    @property
    def fitting_kind(self) -> TokenizerKind:
        """What `auto` chooses: `printable` for at most 1 character in 1,000 outside it."""
        return "printable" if self.outside * PER_OUTSIDE <= self.chars else "corpus"

    @property
    def reason(self) -> str:
        """Why `auto` chose its kind, and how to choose another: a line for the user."""
        if self.fitting_kind == "corpus":
            percent = f"{100 * self.outside / self.chars:.2g} %"
            what = f"corpus, the text's own characters, as {percent} of the text is not ASCII"
        elif self.outside:
            one_in = f"1 character in {self.chars // self.outside:,}"
            what = f"printable (ASCII), as only {one_in} is outside it"
        else:
            what = "printable (ASCII), which has all of the text"
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
    chars = utf8_bytes = outside = 0
    alphabet: set[str] = set()
    missing = string.printable
    for chunk in source.chunks():
        encoded = chunk.encode("utf-8")
        digest.update(encoded)
        chars += len(chunk)
        utf8_bytes += len(encoded)
        if not counted:
            continue
        # All but a few bytes of most texts go here, faster than characters could be compared.
        rest = encoded.translate(None, delete=_PRINTABLE).decode("utf-8")
        outside += len(rest)
        alphabet.update(rest)
        alphabet.update(symbol for symbol in missing if symbol in chunk)
        missing = "".join(symbol for symbol in missing if symbol not in alphabet)
    return TextStats(digest.hexdigest(), chars, utf8_bytes, outside, frozenset(alphabet))
