"""A whole text as ids: read, encoded, and mapped from disk where it is large."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attn_cli.errors import DatasetError, PromptError
from attn_cli.text.display import counted, replacements
from attn_cli.text.pair_format import with_tabs_in_targets
from attn_cli.text.read_options import PLAIN, ReadOptions
from attn_cli.text.scan import TextStats, scan
from attn_cli.text.sources import Source, open_source
from attn_cli.text.token_cache import cached_token_ids
from attn_cli.text.tokenizer import (
    EXAMPLES,
    TokenIds,
    Tokenizer,
    TokenizerChoice,
    TokenizerKind,
    UnknownPolicy,
    bytes_tokenizer,
    corpus_tokenizer,
    printable_tokenizer,
)

IN_MEMORY_LIMIT = 64 * 2**20  # bytes of UTF-8; a larger text is mapped from disk
MAX_UNKNOWN = 0.05  # fraction of a text's characters that may be outside the vocabulary


@dataclass(frozen=True, eq=False)
class EncodedText:
    """A whole text as ids."""

    ids: TokenIds  # of shape (number of tokens,); in memory, or mapped from disk
    tokenizer: Tokenizer  # the tokenizer that encoded the text, without special symbols
    chars: int  # characters of the text, before any was replaced or dropped
    # Of the text in UTF-8, with newlines as LF and documents joined, and of its labels, if any.
    sha256: str
    n_unknown: int  # how many characters were outside the vocabulary
    examples: tuple[tuple[str, str], ...]  # up to five of them, each with its replacement
    source: Source  # where the text came from; its `chunks()` can be read again
    notes: tuple[str, ...]  # what the user should know: which vocabulary was chosen, and why
    cache_key: str | None  # what the ids are stored under where they are mapped from disk
    list_lines: int  # how many lines it has where it looks like a list; else 0

    @property
    def name(self) -> str:
        """A short name for a run's folder."""
        return self.source.name

    @property
    def sources(self) -> tuple[str, ...]:
        """The names by which a configuration finds the text again, from any folder."""
        return self.source.names

    @property
    def notes_on_unknown(self) -> tuple[str, ...]:
        """A line for the user if characters were outside the vocabulary: how many, and which."""
        if not self.n_unknown:
            return ()
        what = f"{counted(self.n_unknown, 'character')} outside the vocabulary"
        shown = replacements(self.examples)
        return (f"{what} {'was' if self.n_unknown == 1 else 'were'} changed: {shown}",)


def load_text(
    text: Sequence[str] | Source,
    tokenizer: TokenizerChoice | Tokenizer,
    unknown: UnknownPolicy = "transliterate",
    in_memory_limit: int = IN_MEMORY_LIMIT,
    expected: tuple[str, int] | None = None,
    symbols: str = "",
    options: ReadOptions = PLAIN,
    *,
    measured: bool = False,
) -> EncodedText:
    """A whole text, read and encoded.

    Args:
        text: Names for `open_source` (files, folders, built-in texts, "-"), or its result.
        tokenizer: A tokenizer, or the kind to make for this text; "auto" for the one that fits.
        unknown: What to do with characters outside the vocabulary.
        in_memory_limit: Bytes of UTF-8 beyond which the ids are mapped from disk.
        expected: The SHA-256 and the length in characters that the text must have.
        symbols: What a vocabulary made for this text has in any case.
        options: How the files that are named are read.
        measured: Whether a model is measured on it: of pairs, targets are not changed then, but
            have a tab where something is outside the vocabulary, which no model writes.

    Raises:
        DatasetError: The text cannot be read, is empty, is not the expected one, or does
            not fit the vocabulary.
        OperationError: The ids of a large text cannot be stored on disk.
    """
    source = text if isinstance(text, Source) else open_source(text, options=options)
    stats = scan(source, counted=tokenizer in ("auto", "corpus"))
    _check_text(source, stats, expected)
    notes = (stats.reason,) if tokenizer == "auto" else ()
    if isinstance(tokenizer, Tokenizer):
        made = tokenizer.without_specials()  # as when the text was trained on, in the same cache
        hint = "give a text in the characters of the training text: a model's vocabulary is fixed"
    else:
        made = _fitting_tokenizer(tokenizer, source, stats, symbols)
        hint = "set data.tokenizer=corpus"
    keeps_targets = measured and source.pair_format is not None and made.kind == "corpus"
    encoder = _Encoder(source, made, unknown, stats, hint, keeps_targets=keeps_targets)
    key = None
    if stats.utf8_bytes <= in_memory_limit:
        ids, report = np.concatenate(list(encoder.chunks())), encoder.report()
    else:
        key = _cache_key(stats.sha256, made, unknown) + "-targets" * keeps_targets
        number = stats.utf8_bytes if made.kind == "bytes" else stats.chars
        ids, report = cached_token_ids(key, made.dtype, encoder.chunks(), encoder.report, number)
    return EncodedText(
        ids,
        made,
        stats.chars,
        stats.sha256,
        report["n_unknown"],
        tuple((char, replacement) for char, replacement in report["examples"]),
        source,
        notes,
        key,
        stats.list_lines,
    )


def _fitting_tokenizer(
    kind: TokenizerChoice, source: Source, stats: TextStats, symbols: str
) -> Tokenizer:
    """A tokenizer of a kind for a text, with more symbols where these are needed.

    Raises:
        DatasetError: The text has symbols that this kind has not.
    """
    if kind == "auto":
        kind = stats.fitting_kind
    if kind != "corpus" and stats.marked_symbols:
        raise DatasetError(
            f"data.tokenizer: {kind} has no symbols of several characters, such as "
            f"{stats.marked_symbols[0]} of {source.name}",
            hint="set data.tokenizer=corpus",
        )
    return _make_tokenizer(kind, stats.alphabet | set(symbols))


def load_evaluation_text(
    text: Sequence[str],
    tokenizer: Tokenizer,
    unknown: UnknownPolicy,
    in_memory_limit: int = IN_MEMORY_LIMIT,
    expected: tuple[str, int] | None = None,
    options: ReadOptions = PLAIN,
) -> EncodedText:
    """A text to measure a model on; see `load_text`.

    Raises:
        DatasetError: It has no two tokens: nothing would be predicted.
    """
    encoded = load_text(
        text, tokenizer, unknown, in_memory_limit, expected, options=options, measured=True
    )
    if len(encoded.ids) < 2:
        raise DatasetError(
            f"{', '.join(text)} is too short: {tokenizer.count(len(encoded.ids))}",
            hint="a text to measure on needs at least 2",
        )
    return encoded


def _check_text(source: Source, stats: TextStats, expected: tuple[str, int] | None) -> None:
    """Refuses an empty text, and another one than is expected."""
    if stats.chars == 0:
        raise DatasetError(
            f"the text is empty: {', '.join(source.names)}", hint="give a file with text"
        )
    if expected is not None and stats.sha256 != expected[0]:
        more = stats.chars - expected[1]
        how = f"{counted(abs(more), 'character')} {'longer' if more > 0 else 'shorter'}"
        raise DatasetError(
            f"{', '.join(source.names)} has changed since training: it is "
            f"{how if more else 'as long as before, but not the same'}",
            hint="restore the text, or name a copy of it",
        )


def _make_tokenizer(kind: TokenizerKind, alphabet: Iterable[str]) -> Tokenizer:
    if kind == "corpus":
        return corpus_tokenizer(alphabet)
    return bytes_tokenizer() if kind == "bytes" else printable_tokenizer()


@dataclass
class _Encoder:
    """One pass over a text that encodes it and counts the unknown characters."""

    source: Source
    tokenizer: Tokenizer
    unknown: UnknownPolicy
    stats: TextStats
    hint: str
    keeps_targets: bool
    n_unknown: int = 0
    examples: dict[str, str] = field(default_factory=dict)

    def chunks(self) -> Iterator[TokenIds]:
        digest = hashlib.sha256()
        chars = 0
        for chunk in self.source.chunks():
            digest.update(chunk.encode("utf-8"))
            try:
                encoded = self.tokenizer.encode_with_report(chunk, self.unknown, chars + 1)
            except PromptError as error:
                raise DatasetError(
                    f"{self.source.name} has {error.message}",
                    hint=f"set data.unknown to transliterate, drop or replace, or {self.hint}",
                ) from None
            chars += len(self.tokenizer.units(chunk))
            self.n_unknown += encoded.n_unknown
            self.examples |= encoded.examples
            # Checked at once: a long text in another script would take minutes to refuse.
            if self.n_unknown > MAX_UNKNOWN * self.stats.chars:
                raise self._too_many_unknown()
            if self.keeps_targets and encoded.n_unknown:
                chunk = with_tabs_in_targets(chunk, self.tokenizer.symbols)
                yield self.tokenizer.encode(chunk, self.unknown)
            else:
                yield encoded.ids
        if (labels := self.source.labels()) is not None:
            digest.update(labels.digest())
        if digest.hexdigest() != self.stats.sha256:
            raise DatasetError(
                f"{self.source.name} changed while it was being read", hint="try again"
            )

    def report(self) -> dict[str, Any]:
        return {"n_unknown": self.n_unknown, "examples": list(self.examples.items())[:EXAMPLES]}

    def _too_many_unknown(self) -> DatasetError:
        shown = " ".join(map(repr, list(self.examples)[:EXAMPLES]))
        return DatasetError(
            f"over {MAX_UNKNOWN:.0%} of the characters of {self.source.name} are outside "
            f"the {self.tokenizer.kind} vocabulary, for example {shown}",
            hint=self.hint,
        )


def _cache_key(sha256: str, tokenizer: Tokenizer, unknown: UnknownPolicy) -> str:
    identity = json.dumps([sha256, tokenizer.to_json(), unknown])
    return hashlib.sha256(identity.encode("ascii")).hexdigest()[:40]
