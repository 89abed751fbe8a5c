"""What each head attends to over a text, and how much loss the model gains without it.

Shapes: B batch, T time (characters), H heads, L layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import torch

from attn_cli.inspection.ablation import AblationEffect, ablation_effects
from attn_cli.inspection.forward_pass import unsupported_block
from attn_cli.model.stack import Stack, evaluation_mode
from attn_cli.model.trace import TraceRecorder
from attn_cli.runs.loaded_model import LoadedModel
from attn_cli.text.batches import eval_windows
from attn_cli.text.example_batches import equal_length_batches
from attn_cli.text.examples import Examples, Split

MAX_ATTENTION_NUMEL = 2**24  # attention weights in memory at once
NAMING_THRESHOLD = 1 / 3  # share of its attention above which a head is named after a pattern

# The attention patterns that are scored, and the name of a head that does little else.
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
    """Where a head attends, on average over the characters of a text.

    Shares of its attention, 0 to 1: each a mean over the queries for which such a key exists,
    None where there is none. A window's first character, which sees only itself, is not counted.
    """

    previous: float | None  # on the previous character
    itself: float | None  # on the query itself
    first: float | None  # on the first of the window
    same: float | None  # on the last earlier occurrence of the same character
    induction: float | None  # on what followed that (Olsson et al. 2022)
    word_start: float | None  # on the first letter of the word, from its other letters
    distance: float | None  # mean number of characters back
    entropy: float | None  # of its weights, in bits: 0 for a single key, log2(n) for n equal ones

    def name(self, baseline: HeadScores) -> str:
        """The name of the pattern that it mostly follows; empty where there is none.

        Args:
            baseline: The scores of uniform attention; a pattern counts from twice its share on.
        """
        clear = {
            name: share
            for which, name in NAMES.items()
            if (share := getattr(self, which)) is not None
            and share >= max(NAMING_THRESHOLD, 2 * getattr(baseline, which))
        }
        return max(clear, key=lambda name: clear[name], default="")


FIELDS = tuple(field.name for field in fields(HeadScores))


@dataclass(frozen=True)
class MeasuredHead:
    """All that is measured of a head."""

    layer: int  # its layer, from 1
    head: int  # its number in that layer, from 1
    name: str  # the pattern that it mostly follows; empty where there is none
    scores: HeadScores  # where it attends
    effect: AblationEffect  # what the model loses without it


def measure_heads(loaded: LoadedModel, text: Split) -> tuple[HeadScores, Iterator[MeasuredHead]]:
    """The scores of uniform attention over a text, and each head, measured when it is asked for."""
    scores, baseline = head_scores(loaded.model, text, loaded.tokenizer.symbols)
    numbered = [
        (layer, head, score)
        for layer, of_layer in enumerate(scores, 1)
        for head, score in enumerate(of_layer, 1)
    ]
    unit = loaded.tokenizer.unit
    return baseline, (
        MeasuredHead(layer, head, score.name(baseline).replace("character", unit), score, effect)
        for (layer, head, score), effect in zip(
            numbered, ablation_effects(loaded.model, text), strict=True
        )
    )


@torch.no_grad()
def head_scores(
    model: Stack, text: Split, symbols: Sequence[str]
) -> tuple[list[list[HeadScores]], HeadScores]:
    """The scores of each head, [layer][head], over a text, and those of uniform attention.

    It is cut into windows of `block_size`, or consists of lines; the symbol of each id tells what
    a word is.

    Raises:
        InputError: The model's blocks record no attention weights.
    """
    config = model.config
    L, H, T = config.n_layer, config.n_head, config.block_size
    batch_size = max(1, MAX_ATTENTION_NUMEL // (L * H * T * T))
    in_word = [symbol.isalnum() or symbol == "'" for symbol in symbols]
    total, uniform_baseline = _Sums(L * H), _Sums(1)
    if isinstance(text, Examples):
        batches = equal_length_batches(text, batch_size)
    else:
        batches = eval_windows(text, T, batch_size)
    for batch in batches:
        x = batch.inputs
        trace = TraceRecorder()
        with evaluation_mode(model):
            model(x, trace=trace)
        layers = [each.tensor for each in trace.records if each.operation == "softmax weights"]
        if len(layers) != L:
            raise unsupported_block(model, "does not record its attention weights")
        targets = _targets(x, in_word)
        total.add(torch.cat(layers, dim=1), targets)  # (B, L·H, T, T)
        uniform = torch.ones(x.shape[1], x.shape[1]).tril()
        uniform /= uniform.sum(dim=-1, keepdim=True)
        uniform_baseline.add(uniform.expand(len(x), 1, -1, -1), targets)
    scores = total.means()
    return [scores[layer * H : (layer + 1) * H] for layer in range(L)], uniform_baseline.means()[0]


class _Sums:
    """The scores of some heads, summed over the queries that have them."""

    def __init__(self, heads: int) -> None:
        self._heads = heads
        self._sums = dict.fromkeys(FIELDS, torch.zeros(heads, dtype=torch.float64))
        self._counts = dict.fromkeys(FIELDS, 0)

    def add(self, weights: torch.Tensor, targets: Mapping[str, torch.Tensor]) -> None:
        """Adds the attention weights (B, heads, T, T) of a batch; targets as of `_targets`."""
        weights = weights[:, :, 1:]  # the first query sees only itself
        B, _, queries, T = weights.shape
        for which, target in targets.items():
            key = target[:, None, 1:, None]  # (B, 1, T - 1, 1)
            exists = key >= 0
            share = weights.take_along_dim(key.clamp(min=0), dim=-1) * exists
            self._count(which, share, int(exists.sum()))
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


def _targets(ids: torch.Tensor, in_word: Sequence[bool]) -> dict[str, torch.Tensor]:
    """By pattern, the key that each query of some windows (B, T) would attend to; -1 for none."""
    positions = torch.arange(ids.shape[1]).expand_as(ids)
    same, word_start = torch.full_like(ids, -1), torch.full_like(ids, -1)
    for row, window in enumerate(ids.tolist()):
        last: dict[int, int] = {}
        start = -1
        for position, id_ in enumerate(window):
            same[row, position] = last.get(id_, -1)
            last[id_] = position
            if not in_word[id_]:
                start = -1
            elif start < 0:
                start = position
            else:
                word_start[row, position] = start
    followed = same + 1
    return {
        "previous": positions - 1,
        "itself": positions,
        "first": torch.zeros_like(ids),
        "same": same,
        "induction": torch.where((same >= 0) & (followed < positions), followed, -1),
        "word_start": word_start,
    }
