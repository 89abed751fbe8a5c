"""Finds the lines of a text, and draws those that are held out for validation.

Shapes: n tokens, M lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from attn_cli.errors import DatasetError
from attn_cli.text.display import counted
from attn_cli.text.examples import Examples
from attn_cli.text.token_cache import cached_token_ids
from attn_cli.text.tokenizer import UNICODE_SIZE, TokenIds, Tokenizer

_CHUNK = 2**20  # tokens in which lines are looked for at once
_COMPARED = 2**20  # lines compared at a time
_VERSION = 1  # of the table of lines that is cached: raise it when a column changes
_BREAKS = "\n\f"  # what ends a line; a form feed ends a document, too


def find_lines(ids: TokenIds, tokenizer: Tokenizer, cache_key: str | None = None) -> Examples:
    """All lines of a text (n,) but the blank ones.

    Args:
        ids: The text; may be mapped from disk.
        tokenizer: Its vocabulary.
        cache_key: What the ids depend on: then where the lines are is mapped from disk, too.

    Raises:
        DatasetError: All lines are blank, or the vocabulary has no newline.
        OperationError: Where the lines are cannot be stored on disk.
    """
    if "\n" not in tokenizer.symbols:
        raise DatasetError(
            "the vocabulary has no newline, which would end a line",
            hint="leave data.records as stream, or train a new model without `init_from`",
        )
    finder = _LineFinder(tokenizer)
    if cache_key is None:
        table = np.concatenate(list(finder.tables(ids)))
    else:
        number = 3 * finder.count_breaks(ids)
        dtype = np.dtype(np.int64)
        key = f"{cache_key}-lines-{_VERSION}"
        table, _ = cached_token_ids(key, dtype, finder.tables(ids), dict, number)
    lines = table.reshape(-1, 3)
    rows = np.arange(len(lines), dtype=np.min_scalar_type(len(lines)))
    return Examples(ids, lines, rows, tokenizer)


def split_lines(
    lines: Examples, validation_fraction: float, seed: int
) -> tuple[Examples, Examples]:
    """The lines to train on, and those held out for validation.

    A line is held out if its hash, mixed with the seed, is below a threshold. So equal lines are
    on the same side, and the split depends on nothing but the lines and the seed. The fraction
    is as near as equal lines allow; both sides have lines, unless all lines are equal: then none
    is held out.
    """
    hashes = lines.lines[:, 2].view(np.uint64)
    keys = mix(hashes ^ mix(np.array([seed], np.uint64)))  # (M,)
    wanted = max(1, round(validation_fraction * len(keys)))
    threshold = np.partition(keys, wanted - 1)[wanted - 1]
    held_out = keys <= threshold
    below = int(np.count_nonzero(keys < threshold))
    up_to = int(np.count_nonzero(held_out))
    if up_to == len(keys) or (below and wanted - below < up_to - wanted):
        held_out = keys < threshold
    return lines[~held_out], lines[held_out]


def check_lines(train: Examples, validation: Examples, block_size: int) -> None:
    """Checks that there are lines to learn from, and one to validate on.

    Raises:
        DatasetError: There are too few, or all are equal.
    """
    if len(train) >= 2 and len(validation) >= 1:
        return
    lines, noun = train.lines, train.noun
    are_pairs = noun == "pair"
    count = counted(len(lines), noun)
    if len(train) + len(validation) < len(lines):
        raise DatasetError(
            f"of {count} only {len(train) + len(validation)} fit into block_size {block_size}",
            hint="raise model.block_size" + ("" if are_pairs else ", or set data.too_long=cut"),
        )
    if len(lines) > 2 and not len(validation):
        raise DatasetError(
            f"all {count} {'have the same source' if are_pairs else 'are equal'}: there is none to "
            "validate on",
            hint=f"give different {noun}s",
        )
    raise DatasetError(
        f"the text is too short: {count} with text, and it needs 3, one of them to validate on",
        hint=f"give more {noun}s"
        if are_pairs or train.line_labels is not None
        else "give more lines; to learn it as one text, leave data.records as stream",
    )


def count_shared_lines(training: Examples, validation: Examples) -> int:
    """How many lines of a validation text are also training lines; of pairs, how many sources."""
    shared = np.zeros(len(validation), dtype=bool)
    hashes = validation.lines[validation.rows, 2]
    for first in range(0, len(training), _COMPARED):
        rows = training.rows[first : first + _COMPARED]
        shared |= np.isin(hashes, training.lines[rows, 2])
    return int(shared.sum())


class LineSet:
    """The lines of a text, for `line in lines`; 8 bytes for each, its hash.

    Args:
        lines: Some of the text's; the set has all of them, and those that are cut both ways.
        tokenizer: The text's vocabulary.
    """

    def __init__(self, lines: Examples, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._finder = _LineFinder(tokenizer)
        cut, number = lines.cut, max(1, _CHUNK // lines.max_targets)
        chunks = (cut[first : first + number] for first in range(0, len(cut), number))
        tables = (self._finder.table(some.padded(lines.max_targets).ravel()) for some in chunks)
        hashes = [lines.lines[:, 2], *(table[:, 2] for table in tables)]
        self._hashes = np.unique(np.concatenate(hashes))  # sorted

    def __contains__(self, line: object) -> bool:
        ids = self._tokenizer.encode(str(line), unknown="drop")
        hashes = self._finder.table(ids)[:, 2]  # one, unless it is blank or has breaks
        if len(hashes) != 1:
            return False
        place = int(self._hashes.searchsorted(hashes[0]))
        return bool(hashes[0] in self._hashes[place : place + 1])


class _LineFinder:
    """Finds the lines of a text in chunks that end with a line."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        symbols = tokenizer.symbols
        self._is_break = np.array([symbol in _BREAKS for symbol in symbols])
        self._is_blank = np.array([symbol.isspace() for symbol in symbols])
        # By character, so that the same lines are held out whatever the ids of a vocabulary are.
        is_bytes = tokenizer.kind == "bytes"
        codes = range(len(symbols)) if is_bytes else map(_code, symbols)
        self._token_hashes = np.where(self._is_break, np.uint64(0), mix(np.array([*codes], "u8")))

    def tables(self, ids: TokenIds) -> Iterator[NDArray[np.int64]]:
        """Parts of the table of a text, flattened."""
        found = False
        for first, chunk in self._chunks(ids):
            table = self.table(chunk)
            if table.size:
                found = True
                table[:, :2] += first
                yield table.reshape(-1)
        if not found:
            raise DatasetError("the text has no lines: all of it is blank", "give a text")

    def count_breaks(self, ids: TokenIds) -> int:
        """How many line breaks a text has."""
        starts = range(0, len(ids), _CHUNK)
        return sum(int(self._is_break[ids[first : first + _CHUNK]].sum()) for first in starts)

    def _chunks(self, ids: TokenIds) -> Iterator[tuple[int, TokenIds]]:
        """Whole lines, about a million tokens of them at a time, and where each chunk begins."""
        first = 0
        while first < len(ids):
            size, end = _CHUNK, 0
            while not end:
                chunk = np.asarray(ids[first : first + size])
                if first + size >= len(ids):
                    end = len(chunk)
                elif (breaks := np.flatnonzero(self._is_break[chunk])).size:
                    end = int(breaks[-1]) + 1
                size *= 2
            yield first, chunk[:end]
            first += end

    def table(self, ids: TokenIds) -> NDArray[np.int64]:
        """The table of some whole lines."""
        breaks = np.flatnonzero(self._is_break[ids])
        starts = np.concatenate(([0], breaks + 1))
        ends = np.concatenate((breaks, [len(ids)]))
        full = ends > starts
        starts, ends = starts[full], ends[full]
        if not starts.size:
            return np.zeros((0, 3), np.int64)
        # From one start to the next there is a line, and breaks, which are blank and count as 0.
        has_text = np.logical_or.reduceat(~self._is_blank[ids], starts)
        ids, offsets = ids[starts[0] :], starts - starts[0]
        lengths = np.diff(offsets, append=len(ids))
        places = np.arange(len(ids)) - np.repeat(offsets, lengths)  # of each token in its line
        weights = mix(np.arange(1, int(lengths.max()) + 1, dtype=np.uint64))
        hashes = np.add.reduceat(self._token_hashes[ids] * weights[places], offsets)
        return np.stack((starts, ends, mix(hashes).view(np.int64)), axis=1)[has_text]


def _code(symbol: str) -> int:
    """A character's code point; a larger number for a symbol of several."""
    return ord(symbol) if len(symbol) == 1 else UNICODE_SIZE + crc32(symbol.encode())


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele et al. 2014): each bit depends on all bits."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
