"""A corpus: a whole text as ids, split into training and validation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from attn_cli.config.schema import Config
from attn_cli.errors import DatasetError
from attn_cli.text.builtin import entropy_floor
from attn_cli.text.encoded_text import (
    IN_MEMORY_LIMIT,
    EncodedText,
    load_evaluation_text,
    load_text,
)
from attn_cli.text.examples import Examples, Split, TooLong, joined
from attn_cli.text.label_notes import label_notes
from attn_cli.text.lines import check_lines, find_lines, split_lines
from attn_cli.text.pair_notes import pair_notes
from attn_cli.text.pairs import PairExamples, find_pairs
from attn_cli.text.read_options import PLAIN, ReadOptions, read_options
from attn_cli.text.sources import Source
from attn_cli.text.stratified_split import split_labelled
from attn_cli.text.tokenizer import (
    TokenIds,
    Tokenizer,
    TokenizerChoice,
    UnknownPolicy,
)

_MIN_SEPARATORS = 10  # from which a model can learn what follows a separator
_SEARCHED = 2**26  # ids of a text in which separators are counted
Records = Literal["stream", "lines"]


@dataclass(frozen=True, eq=False)
class Corpus(EncodedText):
    """A text to train on, and what is held out for validation: a part of it, or another text."""

    train: Split  # what is trained on
    validation: Split  # what the model is measured on
    validation_fraction: float  # fraction of the text that is held out
    validation_text: EncodedText | None  # a text to validate on instead
    labels: tuple[str, ...] = ()  # the names of the records' labels, sorted; none without labels

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
        """The entropy of the text validated on, in bits per character; None where unknown."""
        if self.validation_text is not None or len(self.sources) != 1:
            return None
        return entropy_floor(self.sources[0])

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
        """Lines for the user: how many lines there are, which labels, and how many are too long."""
        if not isinstance(self.train, Examples) or not isinstance(self.validation, Examples):
            return
        splits, block_size = (self.train, self.validation), self.train.max_targets
        what = "examples" if self.labels else f"{self.train.noun}s"
        yield f"{len(self.train):,} {what} to train on, {len(self.validation):,} to validate on"
        if self.labels:
            yield from label_notes(self.train, self.validation, self.labels)
        if isinstance(self.train, PairExamples) and isinstance(self.validation, PairExamples):
            yield from pair_notes(self.train, self.validation)
        n_cut = sum(len(each.cut) for each in splits)
        n_dropped = sum(each.n_dropped for each in splits)
        total = sum(map(len, splits)) + n_dropped
        is_pair = isinstance(self.train, PairExamples)
        lines = "pairs, whose source or target is" if is_pair else "lines,"
        for count, what in ((n_cut, "cut"), (n_dropped, "left out")):
            if count:
                yield (
                    f"{what}: {count:,} of {total:,} {lines} longer than the {block_size - 1:,} "
                    f"{self.tokenizer.unit}s that fit into block_size {block_size} (data.too_long)"
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
    labels: Sequence[str] | None = None,
) -> Corpus:
    """The corpus of a text, read and encoded; see `load_text`.

    The text to validate on, if one is named, is encoded in the same vocabulary. Where lines have
    labels, `labels` are those that a model knows; None for those of the texts.
    """
    ends = "\n" if records == "lines" else ""
    encoded = load_text(text, tokenizer, unknown, in_memory_limit, expected, ends, options)
    if (pair_format := encoded.source.pair_format) is not None:
        options = options.resolved(pair_format)  # the text to validate on is read likewise
    validation_text = None
    if validation is not None:
        validation_text = _load_validation_text(
            validation, encoded.tokenizer, unknown, in_memory_limit, expected_validation, options
        )
    names = _label_names(encoded, validation_text, labels)
    if validation_text is not None:
        both = (encoded, validation_text)
        train, held_out = (as_split(each, records, names, pairs=options.pairs) for each in both)
    elif names:
        lines = labelled_lines(encoded, names)
        train, held_out = split_labelled(lines, validation_fraction, split_seed)
    elif records == "lines":
        lines = find_examples(encoded, pairs=options.pairs)
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
        labels=names,
    )


def as_split(
    text: EncodedText, records: Records, labels: Sequence[str] = (), *, pairs: bool = False
) -> Split:
    """A whole text as it is to be predicted: its ids, or all of its lines, with their labels.

    Raises:
        DatasetError: All lines are blank.
    """
    if records == "stream":
        return text.ids
    return labelled_lines(text, labels) if labels else find_examples(text, pairs=pairs)


def find_examples(text: EncodedText, *, pairs: bool) -> Examples:
    """All lines of a text, which may be pairs.

    Raises:
        DatasetError: All lines are blank.
    """
    if pairs:
        return find_pairs(text.ids, text.tokenizer)
    return find_lines(text.ids, text.tokenizer, text.cache_key)


def labelled_lines(text: EncodedText, labels: Sequence[str]) -> Examples:
    """All lines of a text with their labels, as indices among those of a model.

    Args:
        text: Read with `ReadOptions.labelled`.
        labels: The names of the model's labels.

    Raises:
        DatasetError: All lines are blank, or one has a label that the model does not know.
    """
    own = text.source.labels()
    assert own is not None
    own.check_known(labels, ", ".join(text.sources))
    return own.label(find_lines(text.ids, text.tokenizer, text.cache_key), labels)


def _label_names(
    text: EncodedText, validation_text: EncodedText | None, known: Sequence[str] | None
) -> tuple[str, ...]:
    """The names of all labels; none where lines have none.

    Args:
        text: The training text.
        validation_text: The text to validate on instead of a part of it.
        known: Those of a model.

    Raises:
        DatasetError: There is one label only, or the labels are none.
    """
    labels = text.source.labels()
    if labels is None or known is not None:
        return tuple(known or ())
    labels.check_plausible(", ".join(text.sources))
    held_out = validation_text and validation_text.source.labels()
    return tuple(sorted({*labels.names, *(held_out.names if held_out else ())}))


def load_configured_corpus(
    config: Config,
    tokenizer: Tokenizer | None = None,
    expected: tuple[str, int] | None = None,
    expected_validation: tuple[str, int] | None = None,
    labels: Sequence[str] | None = None,
) -> Corpus:
    """The corpus that a configuration names.

    Args:
        config: The texts, how they are read, and for which task.
        tokenizer: The vocabulary of a model; None for the one that the configuration chooses.
        expected: As in `load_text`.
        expected_validation: The same, of the text to validate on.
        labels: The names of a model's labels; None for those of the texts.

    Raises:
        AttnError: As in `load_text`.
    """
    data = config.data
    return load_corpus(
        data.text,
        data.tokenizer if tokenizer is None else tokenizer,
        data.unknown,
        data.validation_fraction,
        expected=expected,
        validation=data.validation,
        options=read_options(config),
        expected_validation=expected_validation,
        records=data.records,
        split_seed=data.split_seed,
        labels=labels,
    )


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
    if train > block_size and validation >= 2:
        return
    own_validation = corpus.validation_text is not None
    needed = block_size + 1 if own_validation else _shortest(block_size, fraction)
    size = corpus.tokenizer.count(n)
    if train <= block_size:
        what = f"the text is too short: {size}, and block_size {block_size} needs {needed:,}"
    else:
        what = (
            f"the validation split is too short: {validation} of the text's {size}, and it needs 2"
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
