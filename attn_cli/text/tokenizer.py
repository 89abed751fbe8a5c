"""Tokenizers: text to ids and back, one id per character or per byte.

The vocabulary is one of three kinds. `printable` is Python's `string.printable`, so that
"Hello" is 43 14 21 21 24 in every run. `corpus` is the sorted distinct characters of one
text. `bytes` is the 256 bytes of UTF-8, which encode every text.

A `corpus` vocabulary may have symbols of several characters, such as a phoneme "aː" or a
grammatical feature "[PST]". In a text, each stands between two unit separators, U+001F.

A vocabulary may end with special symbols, which no text has: an encoder's for a hidden character.

Characters outside the vocabulary are handled by one of four policies: `transliterate`
writes them in ASCII ("é" as "e"), `error` refuses the text, `drop` leaves them out, and
`replace` puts "?" in their place.
"""

from __future__ import annotations

import codecs
import re
import string
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from attn_cli.errors import CheckpointError, PromptError
from attn_cli.text.display import counted

TokenizerKind = Literal["printable", "corpus", "bytes"]
TokenizerChoice = Literal["auto", "printable", "corpus", "bytes"]  # auto: the kind that fits
UnknownPolicy = Literal["transliterate", "error", "drop", "replace"]

TokenIds = NDArray[Any]

# A character in UTF-8 (RFC 3629, section 4), or else a single byte.
_UTF8_CHARACTER = re.compile(
    rb"""[\x00-\x7f]
    | [\xc2-\xdf] [\x80-\xbf]
    | (?: \xe0 [\xa0-\xbf] | \xed [\x80-\x9f] | [\xe1-\xec\xee\xef] [\x80-\xbf] ) [\x80-\xbf]
    | (?: \xf0 [\x90-\xbf] | \xf4 [\x80-\x8f] | [\xf1-\xf3] [\x80-\xbf] ) [\x80-\xbf]{2}
    | [\x80-\xff]
    """,
    re.VERBOSE,
)

HIDDEN = "▢"  # the special symbol of a hidden character
MARK = "\x1f"  # before and after a symbol of several characters in a text: the unit separator

# A symbol in a vocabulary: a character, or several, none of which marks them.
_SYMBOL = re.compile(f"[^\ud800-\udfff]|[^{MARK}\ud800-\udfff]{{2,}}", re.DOTALL)

UNICODE_SIZE = 0x110000  # 1,114,112 code points
EXAMPLES = 5  # distinct characters that a notice or an error names
POSITIONS = 3  # of each of them


@dataclass(frozen=True, eq=False)
class Encoded:
    """The ids of a text, and which of its characters were outside the vocabulary."""

    ids: TokenIds  # of shape (T,) and the tokenizer's `dtype`
    n_unknown: int  # how many characters of the text were outside the vocabulary
    examples: tuple[tuple[str, str], ...]  # up to five of those, each with its replacement


class StreamingDetokenizer:
    """Decodes ids one at a time; withholds the bytes of a character until it is complete.

    Args:
        utf8: The bytes that each id stands for.
    """

    def __init__(self, utf8: Sequence[bytes]) -> None:
        self._utf8 = utf8
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def __call__(self, token: int) -> str:
        """The text that `token` completes; may be empty."""
        return self._decoder.decode(self._utf8[token])

    def flush(self) -> str:
        """What is left at the end: U+FFFD for an incomplete character, else nothing."""
        return self._decoder.decode(b"", final=True)


@dataclass(frozen=True)
class Tokenizer(ABC):
    """A vocabulary, with encoding and decoding."""

    kind: TokenizerKind  # which of the three kinds of vocabulary it is
    symbols: tuple[str, ...]  # what is shown for each id: `symbols[id]`
    specials: tuple[str, ...] = ()  # the last of them, which stand for no character of a text

    @property
    def unit(self) -> str:
        """What one id stands for, and a loss is measured per: "character" or "byte"."""
        return "byte" if self.kind == "bytes" else "character"

    def count(self, n: int) -> str:
        """A number of ids in words: "1 byte", "1,280 characters"."""
        return counted(n, self.unit)

    @property
    def vocab_size(self) -> int:
        """The number of ids (V)."""
        return len(self.symbols)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest unsigned integer type that holds every id."""
        return np.min_scalar_type(self.vocab_size - 1)

    @property
    def mask_id(self) -> int | None:
        """The id of a hidden character; None where the vocabulary has none."""
        return self.vocab_size - 1 if self.specials == (HIDDEN,) else None

    def with_mask(self) -> Tokenizer:
        """This vocabulary with an id for a hidden character, which comes last."""
        if self.mask_id is not None:
            return self
        return replace(self, symbols=(*self.symbols, HIDDEN), specials=(HIDDEN,))

    def without_specials(self) -> Tokenizer:
        """This vocabulary with nothing but the characters of texts."""
        if not self.specials:
            return self
        return replace(self, symbols=self.symbols[: -len(self.specials)], specials=())

    @cached_property
    def document_separator_id(self) -> int:
        """The id between documents, which ends a text.

        That of the form feed; in a `corpus` vocabulary without one, that of the newline,
        and without that, 0.
        """
        for separator in ("\f", "\n"):
            if separator in self.symbols:
                return self.symbols.index(separator)
        return 0

    def eos_id(self, bos_id: int) -> int | None:
        """The id that ends a document; None where the training text was a single document.

        Args:
            bos_id: The id that a document of that text begins after.
        """
        separator = self.document_separator_id
        return separator if self.symbols[separator] == "\f" and bos_id == separator else None

    def encode(self, text: str, unknown: UnknownPolicy = "error") -> TokenIds:
        """The ids of `text`, of shape (T,) and type `dtype`.

        With `unknown` "error" the text is taken in the normal form that the vocabulary has.

        Raises:
            PromptError: `unknown` is "error" and a character is outside the vocabulary.
        """
        if unknown == "error":
            text = self.in_known_form(text)
        return self.encode_with_report(text, unknown).ids

    def units(self, text: str) -> Sequence[str]:
        """What of a text has an id each: its characters, and the symbols that are marked in it."""
        return text

    def in_known_form(self, text: str) -> str:
        """The text in the Unicode normal form in which all of it is known; else as it is.

        What is typed as "ö" may be one character or two, o and a combining diaeresis.
        """
        if self._lookup(text) is None:
            for form in ("NFC", "NFD"):
                normal = unicodedata.normalize(form, text)
                if self._lookup(normal) is not None:
                    return normal
        return text

    def encode_with_report(
        self, text: str, unknown: UnknownPolicy = "error", first_position: int = 1
    ) -> Encoded:
        """The ids of `text`, and which of its characters were outside the vocabulary.

        Args:
            text: What to encode.
            unknown: What to do with characters outside the vocabulary.
            first_position: The position of its first character in the text that it is a
                chunk of; errors count from it.

        Raises:
            PromptError: `unknown` is "error" and a character is outside the vocabulary.
        """
        ids = self._lookup(text)
        if ids is not None:
            return Encoded(ids, 0, ())
        positions = self._outside(text)
        units = self.units(text)
        positions_of: dict[str, list[int]] = {}
        for position in positions.tolist():
            positions_of.setdefault(units[position], []).append(position + first_position)
        if unknown == "error":
            raise self._unknown_error(positions_of)
        replacements = {unit: self._replacement(unit, unknown) for unit in positions_of}
        ids = self._lookup(self._replace(text, replacements))
        assert ids is not None
        return Encoded(ids, len(positions), tuple(replacements.items())[:EXAMPLES])

    @abstractmethod
    def decode(self, ids: Sequence[int] | TokenIds) -> str:
        """The text of `ids`, of shape (T,)."""

    @abstractmethod
    def stream_decoder(self) -> StreamingDetokenizer:
        """A decoder that takes one id at a time."""

    @abstractmethod
    def characters(self, ids: TokenIds) -> Iterator[tuple[str, int]]:
        """Each character of `ids`, of shape (T,), and how many ids it takes."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """What `tokenizer_from_json` restores the tokenizer from."""

    @abstractmethod
    def _lookup(self, text: str) -> TokenIds | None:
        """The ids of `text`, or None if a character is outside the vocabulary."""

    @abstractmethod
    def _outside(self, text: str) -> NDArray[np.intp]:
        """The indices of the units of `text` that are outside the vocabulary."""

    def _replace(self, text: str, replacements: Mapping[str, str]) -> str:
        """The text with some of its units replaced."""
        # Several times as fast as str.translate() if few characters are outside.
        outside = re.compile(f"[{re.escape(''.join(replacements))}]")
        return outside.sub(lambda match: replacements[match[0]], text)

    def _knows(self, character: str) -> bool:
        return self._lookup(character) is not None

    def _replacement(self, character: str, unknown: UnknownPolicy) -> str:
        if unknown == "transliterate":
            # Imported here: its tables are large, and most texts need none of them.
            from anyascii import anyascii

            return "".join(filter(self._knows, anyascii(character)))
        if unknown == "replace":
            return next(filter(self._knows, ("?", " ")), self.symbols[0])
        return ""

    def _unknown_error(self, positions_of: Mapping[str, Sequence[int]]) -> PromptError:
        """The error about units outside the vocabulary, each with its positions."""
        named = []
        for unit, positions in islice(positions_of.items(), EXAMPLES):
            shown = ", ".join(map(str, positions[:POSITIONS]))
            dots = ", ..." if len(positions) > POSITIONS else ""
            plural = "s" if len(positions) > 1 else ""
            named.append(f"{_named(unit)} at position{plural} {shown}{dots}")
        if len(positions_of) > EXAMPLES:
            named.append(f"and {len(positions_of) - EXAMPLES} more")
        characters = "symbols" if any(len(unit) > 1 for unit in positions_of) else "characters"
        return PromptError(
            f"{characters} outside the {self.kind} vocabulary: {'; '.join(named)}",
            hint="leave them out: a model's vocabulary is fixed",
        )


class CharacterTokenizer(Tokenizer):
    """One id per character: the kinds `printable` and `corpus`."""

    def decode(self, ids: Sequence[int] | TokenIds) -> str:
        code_points = self._code_points[np.asarray(ids, dtype=np.int64)]
        return code_points.tobytes().decode("utf-32-le")

    def stream_decoder(self) -> StreamingDetokenizer:
        return StreamingDetokenizer([symbol.encode() for symbol in self.symbols])

    def characters(self, ids: TokenIds) -> Iterator[tuple[str, int]]:
        return ((self.symbols[token], 1) for token in ids)

    def to_json(self) -> dict[str, Any]:
        specials = {"specials": list(self.specials)} if self.specials else {}
        return {"kind": self.kind, "symbols": list(self.without_specials().symbols), **specials}

    @cached_property
    def _code_points(self) -> NDArray[np.uint32]:
        return _code_points("".join(self.symbols))

    @cached_property
    def _ids_by_code_point(self) -> NDArray[np.int32]:
        """The id of each code point; -1 outside the vocabulary, as in the last entry."""
        characters = self._code_points[: self.vocab_size - len(self.specials)]
        table = np.full(int(characters.max()) + 2, -1, dtype=np.int32)
        table[characters] = np.arange(len(characters), dtype=np.int32)
        return table

    def _ids_or_minus_one(self, text: str) -> NDArray[np.int32]:
        table = self._ids_by_code_point
        return table[np.minimum(_code_points(text), len(table) - 1)]

    def _lookup(self, text: str) -> TokenIds | None:
        ids = self._ids_or_minus_one(text)
        if ids.size and ids.min() < 0:
            return None
        return ids.astype(self.dtype)

    def _outside(self, text: str) -> NDArray[np.intp]:
        return np.flatnonzero(self._ids_or_minus_one(text) < 0)


class SymbolTokenizer(CharacterTokenizer):
    """A `corpus` vocabulary in which some symbols have several characters, marked in a text."""

    def units(self, text: str) -> Sequence[str]:
        return marked_units(text)

    def decode(self, ids: Sequence[int] | TokenIds) -> str:
        return "".join([self._marked_symbols[id_] for id_ in ids])

    def stream_decoder(self) -> StreamingDetokenizer:
        return StreamingDetokenizer([symbol.encode() for symbol in self._marked_symbols])

    @cached_property
    def _marked_symbols(self) -> tuple[str, ...]:
        return tuple(map(marked, self.symbols))

    @cached_property
    def _ids(self) -> dict[str, int]:
        symbols = self.without_specials().symbols
        return {symbol: id_ for id_, symbol in enumerate(symbols)}

    def _ids_or_minus_one(self, text: str) -> NDArray[np.int32]:
        ids = self._ids
        return np.array([ids.get(unit, -1) for unit in self.units(text)], dtype=np.int32)

    def _replace(self, text: str, replacements: Mapping[str, str]) -> str:
        units = self.units(text)
        return "".join(replacements[u] if u in replacements else marked(u) for u in units)

    def _replacement(self, character: str, unknown: UnknownPolicy) -> str:
        if len(character) > 1 and unknown == "transliterate":
            return ""  # a feature, or a phoneme, is more than what it is written with
        return super()._replacement(character, unknown)


class ByteTokenizer(Tokenizer):
    """One id per byte of UTF-8; only lone surrogates, which UTF-8 cannot encode, are outside."""

    def decode(self, ids: Sequence[int] | TokenIds) -> str:
        return np.asarray(ids, dtype=np.uint8).tobytes().decode("utf-8", errors="replace")

    def stream_decoder(self) -> StreamingDetokenizer:
        return StreamingDetokenizer([bytes((byte,)) for byte in range(256)])

    def characters(self, ids: TokenIds) -> Iterator[tuple[str, int]]:
        """As above; a byte that is part of no character is returned by itself, as "\\xe9"."""
        for match in _UTF8_CHARACTER.finditer(np.asarray(ids, dtype=np.uint8).tobytes()):
            yield match[0].decode("utf-8", errors="backslashreplace"), len(match[0])

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind}

    def _lookup(self, text: str) -> TokenIds | None:
        try:
            return np.frombuffer(text.encode("utf-8"), dtype=np.uint8)
        except UnicodeEncodeError:
            return None

    def _outside(self, text: str) -> NDArray[np.intp]:
        code_points = _code_points(text)
        return np.flatnonzero((code_points >= 0xD800) & (code_points <= 0xDFFF))


def printable_tokenizer() -> Tokenizer:
    """The 100 symbols of `string.printable`; the form feed, 99, separates documents."""
    return CharacterTokenizer("printable", tuple(string.printable))


def corpus_tokenizer(symbols: Iterable[str]) -> Tokenizer:
    """The sorted distinct characters of a text, and then its symbols of several characters.

    There must be at least one.
    """
    in_order = sorted(set(symbols), key=lambda symbol: (len(symbol) > 1, symbol))
    return _of_symbols("corpus", in_order)


def marked(symbol: str) -> str:
    """A symbol as it stands in a text: between two unit separators, unless it is a character."""
    return symbol if len(symbol) == 1 else f"{MARK}{symbol}{MARK}"


def marked_units(text: str) -> Sequence[str]:
    """The characters of a text, and its marked symbols."""
    if MARK not in text:
        return text
    units: list[str] = []
    for number, part in enumerate(text.split(MARK)):
        units.extend([part] if number % 2 else part)
    return units


def bytes_tokenizer() -> Tokenizer:
    """The 256 bytes; those below 128 are shown as their ASCII character."""
    symbols = (chr(byte) if byte < 128 else f"\\x{byte:02x}" for byte in range(256))
    return ByteTokenizer("bytes", tuple(symbols))


def tokenizer_from_json(obj: object) -> Tokenizer:
    """The tokenizer that wrote `obj` with `to_json`.

    Raises:
        CheckpointError: `obj` is not what `to_json` writes.
    """
    if not isinstance(obj, dict):
        raise _damaged("it is not a mapping")
    kind = obj.get("kind")
    if kind == "bytes":
        return bytes_tokenizer()
    if kind not in ("printable", "corpus"):
        raise _damaged(f"its kind is {kind!r}, not one of {', '.join(get_args(TokenizerKind))}")
    symbols = obj.get("symbols")
    if not isinstance(symbols, list) or not symbols:
        raise _damaged("its symbols are not a list of characters")
    if len(symbols) > UNICODE_SIZE:
        raise _damaged(f"it has {len(symbols):,} symbols, and Unicode only {UNICODE_SIZE:,}")
    seen: set[str] = set()
    for index, symbol in enumerate(symbols):
        if not isinstance(symbol, str) or not _SYMBOL.fullmatch(symbol):
            raise _damaged(f"its symbol {index} is not of characters: {_short(symbol)}")
        if symbol in seen:
            raise _damaged(f"its symbol {index} occurs twice: {symbol!r}")
        seen.add(symbol)
    if kind == "printable" and symbols != list(string.printable):
        raise _damaged("its symbols are not those of the printable kind")
    tokenizer = _of_symbols(kind, symbols)
    match obj.get("specials", []):
        case []:
            return tokenizer
        case [special] if special == HIDDEN:
            return tokenizer.with_mask()
        case specials:
            raise _damaged(f"its special symbols are {_short(specials)}")


def _of_symbols(kind: TokenizerKind, symbols: Sequence[str]) -> Tokenizer:
    """The vocabulary of these symbols; one of characters alone is the faster."""
    has_longer = any(len(symbol) > 1 for symbol in symbols)
    return (SymbolTokenizer if has_longer else CharacterTokenizer)(kind, tuple(symbols))


def _named(unit: str) -> str:
    """A character or a symbol for an error: `'a'`, `the feature [PST]`."""
    return f"the feature {unit}" if re.fullmatch(r"\[.+\]", unit) else repr(unit)


def _code_points(text: str) -> NDArray[np.uint32]:
    # Command-line arguments may contain lone surrogates, which are code points too.
    return np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype="<u4")


def _short(value: object) -> str:
    shown = ascii(value)
    return shown if len(shown) <= 40 else shown[:37] + "..."


def _damaged(what: str) -> CheckpointError:
    return CheckpointError(
        f"the run's tokenizer is damaged: {what}",
        hint="use another checkpoint, or train again",
    )
