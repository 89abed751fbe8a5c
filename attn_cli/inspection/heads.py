"""What each head does, measured over a text: where it looks, and what the model loses without it.

Shapes: B batch, T time (characters), H heads, L layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray

from attn_cli.inspection.ablation import without_head
from attn_cli.model.trace import Trace
from attn_cli.model.transformer import Transformer
from attn_cli.text.batches import eval_windows
from attn_cli.text.tokenizer import TokenIds
from attn_cli.training.evaluation import CharacterLosses

Floats = NDArray[np.float64]

MOST_WEIGHTS = 2**24  # numbers of attention in memory at once
CLEAR = 1 / 3  # share of a head's attention from which on it is named after it

# What a head can be seen to look at, and the name of one that does little else.
NAMES = {
    "previous": "previous character",
    "itself": "itself",
    "first": "first character",
    "same": "same character",
    "induction": "induction",
    "word_start": "word start",
}


@dataclass(frozen=True)
class HeadScores:
    """Where a head looks, on average over the characters of a text.

    Shares are of its attention, 0 to 1, each a mean over the characters for which there is
    such a place, and None where there is none; a window's first character, which sees only
    itself, is not counted.

    Attributes:
        previous: On the character before.
        itself: On the character that looks.
        first: On the first of the window.
        same: On the last earlier occurrence of the same character.
        induction: On what followed that occurrence (Olsson et al. 2022, "In-context
            learning and induction heads").
        word_start: On the first letter of the word, from its other letters.
        distance: Mean number of characters that it looks back.
        entropy: Of its weights, in bits: 0 for one character, log2(n) for n alike.
    """

    previous: float | None
    itself: float | None
    first: float | None
    same: float | None
    induction: float | None
    word_start: float | None
    distance: float | None
    entropy: float | None

    def name(self, evenly: HeadScores) -> str:
        """What the head is called after, where a share is clear; else nothing.

        Args:
            evenly: The scores of a head that looks at all it sees alike: a share has to be
                at least twice as much.
        """
        clear = {
            name: share
            for which, name in NAMES.items()
            if (share := getattr(self, which)) is not None
            and share >= max(CLEAR, 2 * getattr(evenly, which))
        }
        return max(clear, key=lambda name: clear[name], default="")


FIELDS = tuple(field.name for field in fields(HeadScores))


@dataclass(frozen=True)
class LossRise:
    """What a model loses without a head.

    Attributes:
        nats: By how much the loss a character rises; below 0 where it falls.
        error: The standard error of that, from whole windows; None where there are fewer than 2.
    """

    nats: float
    error: float | None


@torch.no_grad()
def head_scores(
    model: Transformer, ids: TokenIds, symbols: Sequence[str]
) -> tuple[list[list[HeadScores]], HeadScores]:
    """Where each head looks, [layer][head], and the scores of one that looks at all alike.

    Args:
        model: Its mode becomes evaluation.
        ids: A text of N ids, which is cut into windows of `block_size`.
        symbols: What each id stands for, which tells words.
    """
    model.eval()
    config = model.config
    L, H, T = config.n_layer, config.n_head, config.block_size
    at_once = max(1, MOST_WEIGHTS // (L * H * T * T))
    in_word = [symbol.isalnum() or symbol == "'" for symbol in symbols]
    total, evenly = _Sums(L * H), _Sums(1)
    for batch in eval_windows(ids, T, at_once):
        x = batch.inputs
        trace = Trace()
        model(x, trace=trace)
        found = [each.tensor for each in trace.records if each.operation == "softmax weights"]
        places = _places(x, in_word)
        total.add(torch.cat(found, dim=1), places)  # (B, L·H, T, T)
        alike = torch.ones(x.shape[1], x.shape[1]).tril()
        alike /= alike.sum(dim=-1, keepdim=True)
        evenly.add(alike.expand(len(x), 1, -1, -1), places)
    scores = total.means()
    return [scores[layer * H : (layer + 1) * H] for layer in range(L)], evenly.means()[0]


def loss_rises(model: Transformer, ids: TokenIds) -> Iterator[LossRise]:
    """What the model loses on a text (N,) without each head: those of layer 1 first.

    A head is left out as `without_head` does; the losses are those of `attn evaluate`.
    """
    whole = _losses(model, ids)
    T = model.config.block_size
    windows = len(whole) // T
    for layer in range(model.config.n_layer):
        for head in range(model.config.n_head):
            with without_head(model, layer, head):
                rises = _losses(model, ids) - whole  # (N - 1,)
            error = None
            if windows > 1:
                means = rises[: windows * T].reshape(windows, T).mean(axis=1)
                error = float(means.std(ddof=1)) / math.sqrt(windows)
            yield LossRise(float(rises.mean()), error)


def _losses(model: Transformer, ids: TokenIds) -> Floats:
    """The loss of each character but the first, (N - 1,)."""
    return np.concatenate(list(CharacterLosses(model, ids))).astype(np.float64)


class _Sums:
    """The scores of some heads, summed over the characters that have them."""

    def __init__(self, heads: int) -> None:
        self._heads = heads
        self._sums = dict.fromkeys(FIELDS, torch.zeros(heads, dtype=torch.float64))
        self._counts = dict.fromkeys(FIELDS, 0)

    def add(self, weights: torch.Tensor, places: Mapping[str, torch.Tensor]) -> None:
        """Takes in the weights (B, heads, T, T) of some windows.

        Args:
            weights: Rows are queries.
            places: By score, where each query would look for it, (B, T); -1 for nowhere.
        """
        weights = weights[:, :, 1:]  # the first sees only itself
        B, _, queries, T = weights.shape
        for which, place in places.items():
            place = place[:, None, 1:, None]  # (B, 1, T - 1, 1)
            there = place >= 0
            share = weights.take_along_dim(place.clamp(min=0), dim=-1) * there
            self._count(which, share, int(there.sum()))
        back = torch.arange(1, T)[:, None] - torch.arange(T)  # (T - 1, T)
        self._count("distance", weights.sum(dim=0, keepdim=True) * back, B * queries)
        self._count("entropy", torch.special.entr(weights) / math.log(2), B * queries)

    def _count(self, which: str, values: torch.Tensor, count: int) -> None:
        self._sums[which] = self._sums[which] + values.sum(dim=(0, 2, 3), dtype=torch.float64)
        self._counts[which] += count

    def means(self) -> list[HeadScores]:
        """The scores of each head."""
        columns = [
            (self._sums[which] / count).tolist() if count else [None] * self._heads
            for which, count in self._counts.items()
        ]
        return [HeadScores(*row) for row in zip(*columns, strict=True)]


def _places(ids: torch.Tensor, in_word: Sequence[bool]) -> dict[str, torch.Tensor]:
    """Where each query of some windows (B, T) would look, by score; -1 for nowhere."""
    positions = torch.arange(ids.shape[1]).expand_as(ids)
    same, word_start = torch.full_like(ids, -1), torch.full_like(ids, -1)
    for row, window in enumerate(ids.tolist()):
        last: dict[int, int] = {}
        start = -1
        for place, id_ in enumerate(window):
            same[row, place] = last.get(id_, -1)
            last[id_] = place
            if not in_word[id_]:
                start = -1
            elif start < 0:
                start = place
            else:
                word_start[row, place] = start
    followed = same + 1
    return {
        "previous": positions - 1,
        "itself": positions,
        "first": torch.zeros_like(ids),
        "same": same,
        "induction": torch.where((same >= 0) & (followed < positions), followed, -1),
        "word_start": word_start,
    }
