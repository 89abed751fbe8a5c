"""Pairs: lines of a text of which each is a source, a tab and its target.

Shapes: N pairs, M lines of the text, n tokens.

The newline ends a source, begins what the decoder reads of a target, and ends the target, as it
begins and ends a line. A source of n tokens has n + 1 inputs, a target of n tokens n + 1 inputs
and n + 1 targets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from attn_cli.errors import DatasetError
from attn_cli.text.examples import Examples, Split, too_long_error
from attn_cli.text.lines import find_lines
from attn_cli.text.pair_format import TAB
from attn_cli.text.tokenizer import TokenIds, Tokenizer


@dataclass(frozen=True, eq=False)
class PairExamples(Examples):
    """Some of the pairs of a text.

    The hash of each line, the third column of `lines`, is that of its source: so equal sources
    are on the same side of a split.

    Attributes:
        tabs: Where the tab of each line of the text stands, (M,).
    """

    tabs: NDArray[Any] = field(kw_only=True)
    noun: ClassVar[str] = "pair"

    @property
    def source_counts(self) -> NDArray[np.int64]:
        """The length of each source in tokens, with its end, (N,)."""
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

    @property
    def source_hashes(self) -> NDArray[np.int64]:
        """A hash of each source, (N,); 0 where the vocabulary has nothing of it."""
        hashes: NDArray[np.int64] = self.lines[self.rows, 2]
        return hashes

    @property
    def cannot_be_written(self) -> NDArray[np.bool_]:
        """Whether a target has something that the vocabulary lacks, (N,)."""
        tabs = np.flatnonzero(self.ids == self.tokenizer.symbols.index(TAB))
        begins, ends = self.tabs[self.rows] + 1, self.lines[self.rows, 1]
        more_tabs: NDArray[np.bool_] = tabs.searchsorted(ends) > tabs.searchsorted(begins)
        return more_tabs

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
        """The target of each pair; with U+FFFD for what the vocabulary lacks."""
        for row in self.rows.tolist():
            target = self.tokenizer.decode(self.ids[self.tabs[row] + 1 : self.lines[row, 1]])
            yield target.replace(TAB, "\ufffd")

    def _too_long(self, row: int, max_targets: int) -> DatasetError:
        (begin, end, _), tab = self.lines[row].tolist(), int(self.tabs[row])
        source, target = self.ids[begin:tab], self.ids[tab + 1 : end]
        which, ids = ("source", source) if len(source) >= max_targets else ("target", target)
        return too_long_error(
            f"the {which} of pair {row + 1:,} of the text", ids, self.tokenizer, max_targets
        )


def find_pairs(ids: TokenIds, tokenizer: Tokenizer) -> PairExamples:
    """All pairs of a text (n,) whose lines are those of a `PairSource`.

    Raises:
        DatasetError: There is none, or the vocabulary has no tab or no newline.
    """
    if TAB not in tokenizer.symbols:
        raise DatasetError("the vocabulary has no tab", hint="leave data.tokenizer as it is")
    lines = find_lines(ids, tokenizer)
    all_tabs = np.flatnonzero(ids == tokenizer.symbols.index(TAB))
    ends = lines.lines[:, 1]
    tabs = all_tabs[all_tabs.searchsorted(lines.lines[:, 0])]  # the first one of each line
    # With newlines in place of the targets, the hash of a line is that of its source.
    steps = np.zeros(len(ids) + 1, np.int8)
    steps[tabs] += 1
    steps[ends] -= 1
    in_target = np.cumsum(steps[:-1], dtype=np.int8).astype(bool)
    sources = np.where(in_target, ids.dtype.type(lines.newline_id), ids)
    found = find_lines(sources, tokenizer).lines
    lines.lines[:, 2] = 0  # a source may have nothing that the vocabulary has
    lines.lines[lines.lines[:, 0].searchsorted(found[:, 0]), 2] = found[:, 2]
    return PairExamples(ids, lines.lines, lines.rows, tokenizer, tabs=tabs)


def as_pairs(split: Split) -> PairExamples:
    """A split as pairs, which every split of task seq2seq consists of."""
    assert isinstance(split, PairExamples)
    return split
