"""A corpus: a whole text as ids, split into training and validation."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from attn_cli.config.schema import DataConfig
from attn_cli.errors import DatasetError, PromptError
from attn_cli.text.builtin import validation_floor
from attn_cli.text.examples import Examples, Split, TooLong, joined
from attn_cli.text.lines import check_lines, find_lines, split_lines
from attn_cli.text.scan import TextStats, scan
from attn_cli.text.sources import PLAIN, ReadOptions, Source, open_source, read_options
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
_MIN_SEPARATORS = 10  # from which a model can learn what follows a separator
_SEARCHED = 2**26  # ids of a text in which separators are counted
Records = Literal["stream", "lines"]
MAX_UNKNOWN = 0.05  # fraction of a text's characters that may be outside the vocabulary


@dataclass(frozen=True, eq=False)
class EncodedText:
    """A whole text as ids."""

    ids: TokenIds  # of shape (number of tokens,); in memory, or mapped from disk
    tokenizer: Tokenizer  # the tokenizer that encoded the text
    chars: int  # characters of the text, before any was replaced or dropped
    sha256: str  # of the text in UTF-8, with newlines as LF and documents joined
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


@dataclass(frozen=True, eq=False)
class Corpus(EncodedText):
    """A text to train on, and what is held out for validation: a part of it, or another text."""

    train: Split  # what is trained on
    validation: Split  # what the model is measured on
    validation_fraction: float  # fraction of the text that is held out
    validation_text: EncodedText | None  # a text to validate on instead

    @property
    def train_ids(self) -> TokenIds:
        """The ids of the training split, those of lines joined by newlines."""
        return joined(self.train)

    @property
    def validation_ids(self) -> TokenIds:
        """The ids of the validation split, those of lines joined by newlines."""
        return joined(self.validation)

    @property
    def validation_floor(self) -> float | None:
        """The entropy of the validation split in bits per character; None where unknown."""
        if self.validation_text is not None or isinstance(self.validation, Examples):
            return None
        return validation_floor(self.sources, self.validation_fraction)

    def opening(self, length: int) -> TokenIds:
        """What a view of the model opens with: up to so many ids of the validation split.

        Of lines, it is the first one, with the newline before it.
        """
        if isinstance(self.validation, Examples):
            return self.validation[:1].joined()[:-1][:length]
        return self.validation[:length]

    def fit(self, block_size: int, too_long: TooLong) -> Corpus:
        """The corpus for a model of this context: lines that do not fit are cut or left out.

        Raises:
            DatasetError: A line does not fit, and `too_long` is "error".
        """
        if not isinstance(self.train, Examples) or not isinstance(self.validation, Examples):
            return self
        train = self.train.fit(block_size, too_long)
        return replace(self, train=train, validation=self.validation.fit(block_size, too_long))

    def line_notes(self) -> Iterator[str]:
        """Lines for the user: how many lines there are, and how many of them are too long."""
        if not isinstance(self.train, Examples) or not isinstance(self.validation, Examples):
            return
        splits = self.train, self.validation
        yield f"{len(self.train):,} lines to train on, {len(self.validation):,} to validate on"
        n_cut, n_dropped = (
            sum(each.n_cut for each in splits),
            sum(each.n_dropped for each in splits),
        )
        for count, what in ((n_cut, "cut"), (n_dropped, "left out")):
            if count:
                block_size, unit = self.train.max_targets, self.tokenizer.unit
                yield (
                    f"{count:,} lines have more than {block_size - 1} {unit}s, which is what "
                    f"fits into block_size {block_size}: they were {what} (data.too_long)"
                )

    @cached_property
    def bos_id(self) -> int:
        """The id that a new document begins after.

        Of lines, the newline. Of one text, the document separator, if it has enough of them to
        learn from; else the newline, likewise; else the first id.
        """
        if isinstance(self.train, Examples):
            return self.train.newline_id
        separator = self.tokenizer.document_separator_id
        newlines = [i for i, symbol in enumerate(self.tokenizer.symbols) if symbol == "\n"]
        for candidate in (separator, *newlines):
            if np.count_nonzero(self.train[:_SEARCHED] == candidate) >= _MIN_SEPARATORS:
                return candidate
        return int(self.train[0])


def load_corpus(
    text: Sequence[str] | Source,
    tokenizer: TokenizerChoice | Tokenizer = "printable",
    unknown: UnknownPolicy = "transliterate",
    validation_fraction: float = 0.1,
    in_memory_limit: int = IN_MEMORY_LIMIT,
    expected: tuple[str, int] | None = None,
    validation: Sequence[str] | None = None,
    expected_validation: tuple[str, int] | None = None,
    records: Records = "stream",
    split_seed: int = 0,
    options: ReadOptions = PLAIN,
) -> Corpus:
    """The corpus of a text, read and encoded; see `load_text`.

    The text to validate on, if one is named, is encoded in the same vocabulary.
    """
    ends = "\n" if records == "lines" else ""
    encoded = load_text(text, tokenizer, unknown, in_memory_limit, expected, ends, options)
    validation_text = None
    if validation is not None:
        validation_text = _load_validation_text(
            validation, encoded.tokenizer, unknown, in_memory_limit, expected_validation, options
        )
    if validation_text is not None:
        train, held_out = (as_split(each, records) for each in (encoded, validation_text))
    elif records == "lines":
        lines = find_lines(encoded.ids, encoded.tokenizer, encoded.cache_key)
        train, held_out = split_lines(lines, validation_fraction, split_seed)
    else:
        length = _train_length(len(encoded.ids), validation_fraction)
        train, held_out = encoded.ids[:length], encoded.ids[length:]
    return Corpus(
        **vars(encoded),
        train=train,
        validation=held_out,
        validation_fraction=validation_fraction,
        validation_text=validation_text,
    )


def as_split(text: EncodedText, records: Records) -> Split:
    """A whole text as it is to be predicted: its ids, or all of its lines.

    Raises:
        DatasetError: All lines are blank.
    """
    if records == "stream":
        return text.ids
    return find_lines(text.ids, text.tokenizer, text.cache_key)


def load_configured_corpus(
    data: DataConfig,
    tokenizer: Tokenizer | None = None,
    expected: tuple[str, int] | None = None,
    expected_validation: tuple[str, int] | None = None,
) -> Corpus:
    """The corpus that a configuration names.

    Args:
        data: The texts, and how they are read.
        tokenizer: The vocabulary of a model; None for the one that the configuration chooses.
        expected: As in `load_text`.
        expected_validation: The same, of the text to validate on.

    Raises:
        AttnError: As in `load_text`.
    """
    return load_corpus(
        data.text,
        data.tokenizer if tokenizer is None else tokenizer,
        data.unknown,
        data.validation_fraction,
        expected=expected,
        validation=data.validation,
        options=read_options(data),
        expected_validation=expected_validation,
        records=data.records,
        split_seed=data.split_seed,
    )


def load_text(
    text: Sequence[str] | Source,
    tokenizer: TokenizerChoice | Tokenizer,
    unknown: UnknownPolicy = "transliterate",
    in_memory_limit: int = IN_MEMORY_LIMIT,
    expected: tuple[str, int] | None = None,
    symbols: str = "",
    options: ReadOptions = PLAIN,
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

    Raises:
        DatasetError: The text cannot be read, is empty, is not the expected one, or does
            not fit the vocabulary.
        OperationError: The ids of a large text cannot be stored on disk.
    """
    source = text if isinstance(text, Source) else open_source(text, options=options)
    stats = scan(source, counted=tokenizer in ("auto", "corpus"))
    if stats.chars == 0:
        raise DatasetError(
            f"the text is empty: {', '.join(source.names)}", hint="give a file with text"
        )
    if expected is not None and stats.sha256 != expected[0]:
        more = stats.chars - expected[1]
        how = f"{abs(more):,} characters {'longer' if more > 0 else 'shorter'}"
        raise DatasetError(
            f"{', '.join(source.names)} has changed since training: it is "
            f"{how if more else 'as long as before, but not the same'}",
            hint="restore the text, or name a copy of it",
        )
    notes: tuple[str, ...] = ()
    if isinstance(tokenizer, Tokenizer):
        made = tokenizer
        hint = "give a text in the characters of the training text: a model's vocabulary is fixed"
    else:
        if tokenizer == "auto":
            tokenizer, notes = stats.fitting_kind, (stats.reason,)
        made = _make_tokenizer(tokenizer, stats.alphabet | set(symbols))
        hint = "set data.tokenizer=corpus"
    encoder = _Encoder(source, made, unknown, stats, hint)
    key = None
    if stats.utf8_bytes <= in_memory_limit:
        ids = np.concatenate(list(encoder.chunks()))
        report = encoder.report()
    else:
        key = _cache_key(stats.sha256, made, unknown)
        number = stats.utf8_bytes if made.kind == "bytes" else stats.chars
        ids, report = cached_token_ids(key, made.dtype, encoder.chunks(), encoder.report, number)
    examples = tuple((char, replacement) for char, replacement in report["examples"])
    return EncodedText(
        ids,
        made,
        stats.chars,
        stats.sha256,
        report["n_unknown"],
        examples,
        source,
        notes,
        key,
        stats.list_lines,
    )


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
    encoded = load_text(text, tokenizer, unknown, in_memory_limit, expected, options=options)
    if len(encoded.ids) < 2:
        raise DatasetError(
            f"{', '.join(text)} is too short: {tokenizer.count(len(encoded.ids))}",
            hint="a text to measure on needs at least 2",
        )
    return encoded


def _load_validation_text(
    names: Sequence[str],
    tokenizer: Tokenizer,
    unknown: UnknownPolicy,
    in_memory_limit: int,
    expected: tuple[str, int] | None,
    options: ReadOptions,
) -> EncodedText:
    try:
        encoded = load_evaluation_text(
            names, tokenizer, unknown, in_memory_limit, expected, options
        )
    except DatasetError as error:
        raise DatasetError(f"data.validation: {error.message}", error.hint) from None
    if "-" in encoded.sources:  # which could be read only once, and not when the run is resumed
        raise DatasetError(
            f"data.validation: {names[0]} can be read only once", hint="save the text to a file"
        )
    return encoded


def check_length(corpus: Corpus, block_size: int) -> None:
    """Checks that there is a sequence to train on and a token to validate on, or lines.

    Raises:
        DatasetError: `corpus` is too short for `block_size`, or its validation split is.
    """
    if isinstance(corpus.train, Examples) and isinstance(corpus.validation, Examples):
        check_lines(corpus.train, corpus.validation, block_size)
        return
    n, fraction = len(corpus.ids), corpus.validation_fraction
    train, validation = len(corpus.train), len(corpus.validation)
    if fraction <= 0:
        raise DatasetError(
            "the validation split is empty: data.validation_fraction is 0",
            hint="set data.validation_fraction=0.1",
        )
    if train > block_size and validation >= 2:
        return
    own_validation = corpus.validation_text is not None
    needed = block_size + 1 if own_validation else _shortest(block_size, fraction)
    size = corpus.tokenizer.count(n)
    if train <= block_size:
        what = f"the text is too short: {size}, and block_size {block_size} needs {needed:,}"
    else:
        what = (
            f"the validation split is {'empty' if validation == 0 else 'too short'}: "
            f"{validation} of the text's {size}, and it needs 2"
        )
    if validation >= 2 and train >= 2:
        hint = f"give more text, or set model.block_size to {train - 1} or less"
    else:
        hint = f"give at least {corpus.tokenizer.count(needed)}"
    raise DatasetError(what, hint=hint)


def _train_length(n: int, validation_fraction: float) -> int:
    # Written so that 0.1 gives int(n * 0.9), where nanoGPT splits.
    return int(n * (1 - validation_fraction))


def _shortest(block_size: int, validation_fraction: float) -> int:
    """The smallest number of ids with block_size + 1 to train on and 2 to validate on."""
    n = max(
        math.floor((block_size + 1) / (1 - validation_fraction)),
        math.floor(1 / validation_fraction),
    )
    while True:
        train = _train_length(n, validation_fraction)
        if train > block_size and n - train >= 2:
            return n
        n += 1


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
            chars += len(chunk)
            self.n_unknown += encoded.n_unknown
            self.examples |= encoded.examples
            # Checked at once: a long text in another script would take minutes to refuse.
            if self.n_unknown > MAX_UNKNOWN * self.stats.chars:
                raise self._too_many_unknown()
            yield encoded.ids
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
