"""Examples: the lines of a text, each learned and predicted by itself.

Shapes: N examples, T time (tokens), M lines of the text.

The newline is the beginning and the end of a line. A line of n tokens has n + 1 inputs, the
newline and then its tokens, and n + 1 targets, its tokens and then the newline.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from attn_cli.errors import DatasetError
from attn_cli.text.display import quoted
from attn_cli.text.token_cache import check_not_truncated
from attn_cli.text.tokenizer import TokenIds, Tokenizer

TooLong = Literal["cut", "drop", "error"]
_CHUNK = 2**18  # examples, or targets, that are looked at at once
_SHOWN = 40  # tokens of a line that is too long


@dataclass(frozen=True, eq=False)
class Examples:
    """Some of the lines of a text.

    Attributes:
        ids: The whole text, which may be mapped from disk.
        lines: Where each line of the text begins and ends, and its hash, (M, 3); may be mapped
            from disk.
        rows: Which of these lines the examples are, (N,).
        tokenizer: The text's vocabulary; its newline begins and ends each.
        max_targets: The most targets that an example has; what a line has beyond is cut off.
        n_dropped: How many lines were left out because they have more.
        line_labels: The label of each line of the text, (M,), as its index among the labels; None
            where they have none.
    """

    ids: TokenIds
    lines: NDArray[np.int64]
    rows: NDArray[Any]
    tokenizer: Tokenizer
    max_targets: int = 2**62
    n_dropped: int = 0
    line_labels: NDArray[Any] | None = None
    noun: ClassVar[str] = "line"  # what an example is

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, which: slice | NDArray[Any]) -> Self:
        """Some of the examples, in this order."""
        return replace(self, rows=self.rows[which])

    @cached_property
    def newline_id(self) -> int:
        """The id that begins and ends each."""
        return self.tokenizer.symbols.index("\n")

    @property
    def labels(self) -> NDArray[Any]:
        """The label of each example, (N,), as its index among the labels."""
        assert self.line_labels is not None
        labels: NDArray[Any] = self.line_labels[self.rows]
        return labels

    @property
    def target_counts(self) -> NDArray[np.int64]:
        """How many targets each example has, (N,)."""
        return self.lengths

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How long a context each would need, uncut, (N,)."""
        check_not_truncated(self.lines)
        lines = self.lines[self.rows]  # (N, 3)
        counts: NDArray[np.int64] = lines[:, 1] - lines[:, 0] + 1
        return counts

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How long a context each takes, (N,)."""
        return np.minimum(self.sizes, self.max_targets)

    @property
    def _line_counts(self) -> NDArray[np.int64]:
        """How many tokens of the text each is, with its newline, (N,)."""
        return self.target_counts

    @cached_property
    def n_targets(self) -> int:
        """How many targets all of them have: their characters, with the end of each."""
        return sum(int(chunk.target_counts.sum()) for chunk in self._chunks())

    @cached_property
    def longest(self) -> int:
        """The size of the longest, cut or not; 0 where there are no examples."""
        return max((int(chunk.sizes.max()) for chunk in self._chunks()), default=0)

    def fit(self, max_targets: int, too_long: TooLong) -> Self:
        """The examples with at most so many targets each; the longer ones cut, or left out.

        Raises:
            DatasetError: There are longer ones, and `too_long` is "error".
        """
        if self.longest <= max_targets or too_long == "cut":
            return replace(self, max_targets=max_targets)
        longer = self._longer_than(max_targets)
        if too_long == "drop":
            kept = self[~longer]
            n_dropped = self.n_dropped + len(self) - len(kept)
            return replace(kept, max_targets=max_targets, n_dropped=n_dropped)
        raise self._too_long(int(self.rows[longer.argmax()]), max_targets)

    @property
    def cut(self) -> Self:
        """Those examples that are cut."""
        return self[self._longer_than(self.max_targets)]

    def by_length(self) -> Self:
        """The same examples, the shortest first."""
        return self[np.argsort(self.lengths, kind="stable")]

    def head(self, n_targets: int) -> Self:
        """The first examples that have so many targets together, or all of them."""
        some = self[:n_targets]  # each has one at least
        return some[: some.target_counts.cumsum().searchsorted(n_targets) + 1]

    def spread(self, max_targets: int) -> Self:
        """As many examples as have about `max_targets` targets, evenly spaced among all."""
        step = max(1, -(-self.n_targets // max_targets))
        return self[::step]

    def padded(self, width: int) -> NDArray[np.int64]:
        """Each example between two newlines, padded to (N, width + 1) with the newline."""
        check_not_truncated(self.ids)
        begins, ends, _ = self.lines[self.rows].T[:, :, None]  # (N, 1)
        places = begins + np.arange(-1, width)  # (N, width + 1)
        inside = (places >= begins) & (places < ends)
        tokens = self.ids[np.where(inside, places, 0)]
        return np.where(inside, tokens, self.newline_id).astype(np.int64)

    def joined(self) -> TokenIds:
        """All examples one after the other, a newline before, between and after them.

        So all of it but the first newline are their targets, in order.
        """
        check_not_truncated(self.ids)
        parts = [np.array([self.newline_id], self.ids.dtype)]
        rest = self
        while len(rest):
            some = rest.head(_CHUNK)
            rest = rest[len(some) :]
            counts = some._line_counts
            begins, ends, _ = self.lines[some.rows].T  # (N,)
            shifts = begins - np.cumsum(counts) + counts  # from a place here to one in the text
            places = np.arange(counts.sum()) + np.repeat(shifts, counts)
            inside = places < np.repeat(ends, counts)
            tokens = self.ids[np.where(inside, places, 0)]
            parts.append(np.where(inside, tokens, self.ids.dtype.type(self.newline_id)))
        return np.concatenate(parts)

    def texts(self) -> Iterator[str]:
        """The text of each example, as far as it is not cut."""
        check_not_truncated(self.ids)
        for begin, end, _ in self.lines[self.rows].tolist():
            yield self.tokenizer.decode(self.ids[begin : min(end, begin + self.max_targets - 1)])

    def _too_long(self, row: int, max_targets: int) -> DatasetError:
        """The error about a line of the text that has more targets than that."""
        begin, end, _ = self.lines[row].tolist()
        number = 1 + int(np.count_nonzero(self.ids[:begin] == self.newline_id))
        what = f"line {number:,} of the text"
        return too_long_error(what, self.ids[begin:end], self.tokenizer, max_targets, "cut or ")

    def _longer_than(self, max_targets: int) -> NDArray[np.bool_]:
        """Which examples have more targets than that, cut or not, (N,)."""
        longer = [chunk.sizes > max_targets for chunk in self._chunks()]
        return np.concatenate([np.zeros(0, np.bool_), *longer])

    def _chunks(self) -> Iterator[Self]:
        return (self[first : first + _CHUNK] for first in range(0, len(self), _CHUNK))


def too_long_error(
    what: str, ids: TokenIds, tokenizer: Tokenizer, max_targets: int, cut_or: str = ""
) -> DatasetError:
    """The error about what does not fit into the context.

    Args:
        what: Its name.
        ids: Itself.
        tokenizer: Of the ids.
        max_targets: How many tokens fit, with its end.
        cut_or: What else than to leave it out can be done.
    """
    shown = tokenizer.decode(ids[:_SHOWN]) + "..." * (len(ids) > _SHOWN)
    return DatasetError(
        f"{what}, {quoted(shown)}, is too long: {tokenizer.count(len(ids))}, and block_size "
        f"{max_targets} has room for {max_targets - 1} and its end",
        hint=f"raise model.block_size, or set data.too_long to {cut_or}drop",
    )


# A text as one stream of ids, or as lines of which each is learned and predicted by itself.
Split = TokenIds | Examples


def target_count(split: Split) -> int:
    """How many targets a split has: all of its ids but the first, or those of its lines."""
    return split.n_targets if isinstance(split, Examples) else max(0, len(split) - 1)


def max_length(split: Split, block_size: int) -> int:
    """How long the sequences are that a model is trained on: the longest line, or block_size."""
    return min(split.longest, block_size) if isinstance(split, Examples) else block_size


def head(split: Split, n: int) -> Split:
    """The first n ids of a split, or its first lines that have n targets together."""
    return split.head(n) if isinstance(split, Examples) else split[:n]


def subset(split: Split, max_targets: int) -> Split:
    """About so many targets of a split: its beginning, or lines evenly spaced in it."""
    return split.spread(max_targets) if isinstance(split, Examples) else split[: max_targets + 1]


def joined(split: Split) -> TokenIds:
    """The ids of a split, those of lines joined by newlines: all but the first are targets."""
    return split.joined() if isinstance(split, Examples) else split
