"""Pairs: lines of a text of which each is a source, a tab and its target.

Shapes: N pairs, M lines of the text, B pairs of a batch, S source, T target (tokens).

The newline ends a source, begins what the decoder reads of a target, and ends the target, as it
begins and ends a line. A source of n tokens has n + 1 inputs, a target of n tokens n + 1 inputs
and n + 1 targets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from attn_cli.errors import DatasetError
from attn_cli.text.batches import IGNORE_INDEX, Batch, next_token_batch
from attn_cli.text.decoding import as_line
from attn_cli.text.example_batches import padded_length
from attn_cli.text.examples import Examples, Split
from attn_cli.text.lines import find_lines
from attn_cli.text.token_cache import check_not_truncated
from attn_cli.text.tokenizer import TokenIds, Tokenizer

TAB = "\t"  # between a source and its target


@dataclass(frozen=True, eq=False)
class PairExamples(Examples):
    """Some of the pairs of a text.

    The hash of each line, the third column of `lines`, is that of its source: so equal sources
    are on the same side of a split.

    Attributes:
        tabs: Where the tab of each line of the text stands, (M,).
    """

    tabs: NDArray[Any] = field(kw_only=True)

    @property
    def source_counts(self) -> NDArray[np.int64]:
        """How many inputs each source is, with its end, (N,)."""
        counts: NDArray[np.int64] = self.tabs[self.rows] - self.lines[self.rows, 0] + 1
        return counts

    @property
    def target_counts(self) -> NDArray[np.int64]:
        return self._line_counts - self.source_counts

    @property
    def sizes(self) -> NDArray[np.int64]:
        return np.maximum(self.source_counts, self.target_counts)

    @property
    def _line_counts(self) -> NDArray[np.int64]:
        begins, ends, _ = self.lines[self.rows].T
        counts: NDArray[np.int64] = ends - begins + 1
        return counts

    def target_ids(self, place: int) -> list[int]:
        """The ids of the target of one of the pairs, without its end."""
        row = self.rows[place]
        ids: list[int] = self.ids[self.tabs[row] + 1 : self.lines[row, 1]].tolist()
        return ids

    def sources(self) -> Iterator[str]:
        """The source of each pair."""
        for row in self.rows.tolist():
            yield self.tokenizer.decode(self.ids[self.lines[row, 0] : self.tabs[row]])

    def targets(self) -> Iterator[str]:
        """The target of each pair."""
        for row in self.rows.tolist():
            yield self.tokenizer.decode(self.ids[self.tabs[row] + 1 : self.lines[row, 1]])


def pair_line(source: str, target: str) -> str:
    """A pair as a line, without its newline: tabs and line breaks within become spaces."""
    return TAB.join(as_line(text).replace(TAB, " ").strip() for text in (source, target))


def find_pairs(ids: TokenIds, tokenizer: Tokenizer) -> PairExamples:
    """All pairs of a text (n,) whose lines were made by `pair_line`.

    Raises:
        DatasetError: There is none, or the vocabulary has no tab or no newline.
    """
    if TAB not in tokenizer.symbols:
        raise DatasetError("the vocabulary has no tab", hint="leave data.tokenizer as it is")
    lines = find_lines(ids, tokenizer)
    all_tabs = np.flatnonzero(ids == tokenizer.symbols.index(TAB))
    ends = lines.lines[:, 1]
    tabs = all_tabs[all_tabs.searchsorted(ends) - 1]  # the last one of each line
    # The sources alone, in a text in which nothing else is: its lines have their hashes.
    steps = np.zeros(len(ids) + 1, np.int8)
    steps[tabs] += 1
    steps[ends] -= 1
    in_target = np.cumsum(steps[:-1], dtype=np.int8).astype(bool)
    sources = np.where(in_target, ids.dtype.type(lines.newline_id), ids)
    lines.lines[:, 2] = find_lines(sources, tokenizer).lines[:, 2]
    return PairExamples(ids, lines.lines, lines.rows, tokenizer, tabs=tabs)


def as_pairs(split: Split) -> PairExamples:
    """A split of a table of pairs, which is never a stream."""
    assert isinstance(split, PairExamples)
    return split


def pair_batch(examples: Examples, width: int | None = None) -> Batch:
    """Some pairs as a batch: sources (B, S), and what is read and predicted of targets, (B, T).

    Args:
        examples: Pairs.
        width: Ignored: S and T are those of the longest source and target, rounded up by
            `padded_length`, at most what fits into the context.
    """
    pairs = as_pairs(examples)
    begins, ends, _ = pairs.lines[pairs.rows].T
    tabs = pairs.tabs[pairs.rows]
    source = _gathered(pairs, begins, tabs, pairs.source_counts)[:, 1:]  # (B, S)
    target = _gathered(pairs, tabs + 1, ends, pairs.target_counts)  # (B, T + 1)
    batch = next_token_batch(target)
    batch.targets[~_is_text(pairs.target_counts, target.shape[1] - 1)] = IGNORE_INDEX
    is_source = _is_text(pairs.source_counts, source.shape[1])  # (B, S)
    return replace(
        batch,
        source=torch.from_numpy(source),
        mask=None if bool(is_source.all()) else is_source[:, None, None, :],
    )


def _gathered(
    pairs: PairExamples, begins: TokenIds, ends: TokenIds, counts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """A part of each line between newlines, padded with them to (B, width + 1)."""
    check_not_truncated(pairs.ids)
    width = min(padded_length(int(counts.max())), pairs.max_targets)
    places = begins[:, None] + np.arange(-1, width)  # (B, width + 1)
    inside = (places >= begins[:, None]) & (places < ends[:, None])
    tokens = pairs.ids[np.where(inside, places, 0)]
    return np.where(inside, tokens, pairs.newline_id).astype(np.int64)


def _is_text(counts: NDArray[np.int64], width: int) -> torch.Tensor:
    """Where there are tokens and not padding, (B, width)."""
    return torch.from_numpy(np.arange(width) < counts[:, None])
