"""What each head attends to over a text, and how much loss the model gains without it.

Shapes: B batch, T time (characters), H heads, L layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from attn_cli.inspection.ablation import AblationEffect, ablation_effects
from attn_cli.inspection.attention_patterns import pattern_keys
from attn_cli.inspection.forward_pass import unsupported_block
from attn_cli.model.stack import Stack, evaluation_mode
from attn_cli.model.trace import TraceRecorder
from attn_cli.runs.loaded_model import LoadedModel
from attn_cli.text.batches import Batch, eval_windows
from attn_cli.text.example_batches import equal_length_batches
from attn_cli.text.examples import Examples, Split
from attn_cli.text.masking import PASSES, hide_each_once

MAX_ATTENTION_NUMEL = 2**24  # attention weights in memory at once
NAMING_THRESHOLD = 1 / 3  # share of its attention above which a head is named after a pattern

# The name of a head that does little else than follow this attention pattern.
NAMES = {
    "previous": "previous character",
    "next": "next character",
    "itself": "itself",
    "first": "first character",
    "same": "same character",
    "same_before": "same character before",
    "same_after": "same character after",
    "induction": "induction",
    "word_start": "word start",
    "word_end": "word end",
    "hidden": "hidden characters",
    # Of cross-attention, where the source is looked at.
    "written": "written character",
    "position": "same position",
    "mirrored": "mirrored position",
    "last": "last character",
    "end": "end",
}
# And of one that follows none of them.
BEFORE, AFTER, UNIFORM = "what comes before", "what comes after", "uniform"
FORWARD, BACKWARD = "moves forward", "moves backward"
STEADY = 0.8  # direction from which on a head of cross-attention is named after it
ONE_SIDE = 0.8  # share of its attention above which a head of an encoder is named after a side
UNIFORM_ENTROPY = 0.95  # of that of uniform attention, above which a head is named after it

# The shares of attention that are measured of a decoder, and of an encoder.
DECODER_SHARES = ("previous", "itself", "first", "same", "induction", "word_start")
ENCODER_SHARES = (
    "previous", "next", "after", "itself", "first", "hidden",
    "same_before", "same_after", "word_start", "word_end",
)  # fmt: skip


@dataclass(frozen=True)
class HeadScores:
    """Where a head attends, on average over the characters of a text.

    Attributes:
        shares: Of its attention, 0 to 1, by what it is on: each a mean over the queries for which
            such a key exists, None where there is none. A window's first character, if it sees
            only itself, is not counted.

            `previous`, `next`, `itself`, `first`: the character beside the query, the query, the
            first of the window. `same_before` and `same_after`: the nearest occurrence of the same
            character, which is `same` where there is no after. `induction`: what followed that
            one (Olsson et al. 2022). `word_start` and `word_end`: the first and the last letter of
            the word, from its other letters. `hidden`: all hidden characters. `after`: all that
            come after the query.
        distance: Mean number of characters between key and query.
        entropy: Of its weights, in bits: 0 for a single key, log2(n) for n equal ones.
        direction: Of cross-attention, the correlation of the position in the target with that
            which it looks at in the source, 1 where both move forward evenly; None where all
            targets are too short.
    """

    shares: Mapping[str, float | None]
    distance: float | None
    entropy: float | None
    direction: float | None = None

    @property
    def is_cross(self) -> bool:
        """Whether they are those of cross-attention."""
        return "written" in self.shares

    def name(self, baseline: HeadScores) -> str:
        """The name of the pattern that it mostly follows; empty where there is none.

        Args:
            baseline: The scores of uniform attention; a pattern counts from twice its share on.
        """
        clear = {
            NAMES[which]: share
            for which, share in self.shares.items()
            if which in NAMES
            and share is not None
            and share >= max(NAMING_THRESHOLD, 2 * (baseline.shares[which] or 0))
        }
        if clear:
            return max(clear, key=lambda name: clear[name])
        after = self.shares.get("after")
        if after is not None and after >= ONE_SIDE:
            return AFTER
        if after is not None and 1 - after - (self.shares["itself"] or 0) >= ONE_SIDE:
            return BEFORE
        if self.entropy is None or baseline.entropy is None:
            return ""
        if self.entropy >= UNIFORM_ENTROPY * baseline.entropy:
            return UNIFORM
        if self.direction is None or abs(self.direction) < STEADY:
            return ""
        return FORWARD if self.direction > 0 else BACKWARD


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
    model, tokenizer = loaded.model, loaded.tokenizer
    scores, baseline = head_scores(model, text, tokenizer.symbols, tokenizer.mask_id)
    numbered = [
        (layer, head, score)
        for layer, of_layer in enumerate(scores, 1)
        for head, score in enumerate(of_layer, 1)
    ]
    unit = tokenizer.unit
    return baseline, (
        MeasuredHead(layer, head, score.name(baseline).replace("character", unit), score, effect)
        for (layer, head, score), effect in zip(
            numbered, ablation_effects(model, text, tokenizer.mask_id), strict=True
        )
    )


@torch.no_grad()
def head_scores(
    model: Stack, text: Split, symbols: Sequence[str], mask_id: int | None = None
) -> tuple[list[list[HeadScores]], HeadScores]:
    """The scores of each head, [layer][head], over a text, and those of uniform attention.

    It is cut into windows of `block_size`, or consists of lines. An encoder reads each as often as
    `attn evaluate` does, every time with other characters hidden.

    Args:
        model: A decoder, or an encoder.
        text: As ids, or as lines.
        symbols: The symbol of each id, which tells what a word is.
        mask_id: Where the model is an encoder, what stands for a hidden character.

    Raises:
        InputError: The model's blocks record no attention weights.
    """
    config, causal = model.config, mask_id is None
    L, H = config.n_layer, config.n_head
    in_word = [symbol.isalnum() or symbol == "'" for symbol in symbols]
    shares = DECODER_SHARES if causal else ENCODER_SHARES
    total, uniform_baseline = _Sums(L * H, shares), _Sums(1, shares)
    for batch in _batches(model, text, mask_id):
        trace = TraceRecorder()
        with evaluation_mode(model):
            model(batch.inputs, trace=trace)
        layers = [each.tensor for each in trace.records if each.operation == "softmax weights"]
        if len(layers) != L:
            raise unsupported_block(model, "does not record its attention weights")
        hidden = batch.inputs == mask_id if mask_id is not None else None  # (B, T)
        ids = batch.inputs if hidden is None else batch.inputs.where(~hidden, batch.targets)
        keys = pattern_keys(ids, in_word)
        total.add(torch.cat(layers, dim=1), keys, hidden)  # (B, L·H, T, T)
        uniform = torch.ones(ids.shape[1], ids.shape[1])
        uniform = uniform.tril() if causal else uniform
        uniform /= uniform.sum(dim=-1, keepdim=True)
        uniform_baseline.add(uniform.expand(len(ids), 1, -1, -1), keys, hidden)
    scores = total.means()
    return [scores[layer * H : (layer + 1) * H] for layer in range(L)], uniform_baseline.means()[0]


def _batches(model: Stack, text: Split, mask_id: int | None) -> Iterator[Batch]:
    """The windows or lines of a text, without padding; for an encoder as it reads them."""
    config = model.config
    T = config.block_size
    rows = MAX_ATTENTION_NUMEL // (config.n_layer * config.n_head * T * T)
    if mask_id is not None:
        rows //= PASSES
    is_lines = isinstance(text, Examples)
    if isinstance(text, Examples):
        batches = equal_length_batches(text, max(1, rows))
    else:
        batches = eval_windows(text, T, max(1, rows))
    # The newline that begins each line is not hidden.
    return batches if mask_id is None else hide_each_once(batches, T, mask_id, first=int(is_lines))


class _Sums:
    """The scores of some heads, summed over the queries that have them."""

    def __init__(self, heads: int, shares: Sequence[str]) -> None:
        self._heads = heads
        self._shares = shares
        names = (*shares, "distance", "entropy")
        self._sums = dict.fromkeys(names, torch.zeros(heads, dtype=torch.float64))
        self._counts = dict.fromkeys(names, 0)

    def add(
        self, weights: torch.Tensor, keys: Mapping[str, torch.Tensor], hidden: torch.Tensor | None
    ) -> None:
        """Adds the attention weights of a batch, (B, heads, T, T).

        Args:
            weights: Of a decoder, or where characters are hidden, of an encoder.
            keys: As of `pattern_keys`.
            hidden: Which characters are hidden, (B, T); None for a decoder.
        """
        first = 1 if hidden is None else 0  # a decoder's first query sees only itself
        weights = weights[:, :, first:]
        B, _, queries, T = weights.shape
        for which in keys.keys() & set(self._shares):
            key = keys[which][:, None, first:, None]  # (B, 1, queries, 1)
            exists = key >= 0
            share = weights.take_along_dim(key.clamp(min=0), dim=-1) * exists
            self._count(which, share, int(exists.sum()))
        apart = torch.arange(T) - torch.arange(first, T)[:, None]  # (queries, T)
        self._count("distance", weights.sum(dim=0, keepdim=True) * apart.abs(), B * queries)
        self._count("entropy", torch.special.entr(weights) / math.log(2), B * queries)
        if hidden is not None:
            self._count("after", weights * (apart > 0), B * (T - 1))
            some = int(hidden.any(dim=1).sum())  # of the texts
            self._count("hidden", weights * hidden[:, None, None], some * queries)

    def _count(self, which: str, values: torch.Tensor, count: int) -> None:
        self._sums[which] = self._sums[which] + values.sum(dim=(0, 2, 3), dtype=torch.float64)
        self._counts[which] += count

    def means(self) -> list[HeadScores]:
        """The scores of each head."""
        columns = {
            which: (self._sums[which] / count).tolist() if count else [None] * self._heads
            for which, count in self._counts.items()
        }
        return [
            HeadScores(
                {which: columns[which][head] for which in self._shares},
                columns["distance"][head],
                columns["entropy"][head],
            )
            for head in range(self._heads)
        ]
