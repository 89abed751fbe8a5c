"""What the heads of cross-attention do, measured over the pairs of a table.

Shapes: B pairs of a batch, T target, S source, both with their ends, L layers, H heads, N pairs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from attn_cli.inspection.ablation import AblationEffect, standard_error, zero_ablate_head
from attn_cli.inspection.forward_pass import unsupported_block
from attn_cli.inspection.heads import HeadScores, MeasuredHead
from attn_cli.model.encoder_decoder import EncoderDecoder
from attn_cli.model.stack import evaluation_mode
from attn_cli.model.trace import TraceRecorder
from attn_cli.objectives.evaluation import TOKENS_PER_BATCH
from attn_cli.runs.loaded_model import LoadedModel
from attn_cli.text.batches import IGNORE_INDEX, Batch
from attn_cli.text.example_batches import eval_examples
from attn_cli.text.pair_batches import pair_batch
from attn_cli.text.pairs import PairExamples

CROSS_SHARES = ("written", "position", "next", "previous", "mirrored", "first", "last", "end")
_MIN_CHARACTERS = 3  # of a target whose direction is measured


def measure_cross_heads(
    loaded: LoadedModel, pairs: PairExamples
) -> tuple[HeadScores, Iterator[MeasuredHead]]:
    """The scores of uniform attention over some pairs, and each head of cross-attention.

    Each head is measured when it is asked for.
    """
    model = loaded.encoder_decoder
    pairs = pairs.fit(model.config.block_size, "drop").by_length()
    scores, baseline = cross_head_scores(model, pairs)
    H, unit = model.config.n_head, loaded.tokenizer.unit
    effects = _ablation_effects(model, pairs)
    return baseline, (
        MeasuredHead(
            place // H + 1,
            place % H + 1,
            score.name(baseline).replace("character", unit),
            score,
            effect,
        )
        for place, (score, effect) in enumerate(zip(scores, effects, strict=True))
    )


@torch.no_grad()
def cross_head_scores(
    model: EncoderDecoder, pairs: PairExamples
) -> tuple[list[HeadScores], HeadScores]:
    """The scores of each head, L · H of them, and those of uniform attention.

    A query is a step of writing. Of its attention, `written` is on the characters of the source
    that are the one it writes; `position`, `next` and `previous` on those as far from the beginning
    as this one in the target, and beside it; `mirrored` on the one as far from the end; `first`,
    `last` and `end` on the source's first and last character and on its newline.

    Raises:
        InputError: The model's blocks record no attention weights.
    """
    config = model.config
    total, uniform = _Sums(config.n_layer * config.n_head), _Sums(1)
    for batch in eval_examples(pairs, TOKENS_PER_BATCH, pair_batch):
        assert batch.source is not None
        trace = TraceRecorder()
        with evaluation_mode(model):
            model(batch.inputs, batch.source, source_mask=batch.mask, trace=trace)
        layers = [
            record.tensor
            for record in trace.records
            if record.full_name.endswith("cross-attention.softmax weights")
        ]
        if len(layers) != config.n_layer:
            raise unsupported_block(model, "does not record its cross-attention weights")
        pattern = _Patterns.of(batch, pairs.newline_id)
        total.add(torch.cat(layers, dim=1), pattern)  # (B, L·H, T, S)
        spread = pattern.visible / pattern.visible.sum(dim=-1, keepdim=True)  # (B, S)
        T = batch.inputs.shape[1]
        uniform.add(spread[:, None, None].expand(-1, 1, T, -1), pattern)
    return total.means(), uniform.means()[0]


@dataclass(frozen=True, eq=False)
class _Patterns:
    """Which queries there are in a batch, and which keys each pattern is on."""

    steps: torch.Tensor  # which queries are not padding, (B, T)
    characters: torch.Tensor  # which of them write a character, and not the end, (B, T)
    visible: torch.Tensor  # which characters of the source are not padding, (B, S)
    keys: Mapping[str, torch.Tensor]  # of each pattern, (B, T, S) of bool

    @classmethod
    def of(cls, batch: Batch, newline_id: int) -> _Patterns:
        assert batch.source is not None
        (B, T), S = batch.inputs.shape, batch.source.shape[1]
        visible = torch.ones(B, S, dtype=torch.bool)
        if batch.mask is not None:
            visible = batch.mask[:, 0, 0]
        end = visible.sum(dim=1)[:, None, None] - 1  # where the newline of the source is, (B, 1, 1)
        t, s = torch.arange(T)[:, None], torch.arange(S)
        steps = batch.targets != IGNORE_INDEX
        characters = steps & (batch.targets != newline_id)
        same = (batch.source[:, None] == batch.targets[..., None]) & (s < end)
        in_text = s < end
        keys = {
            "written": same & characters[..., None],
            "position": (s == t) & in_text,
            "next": (s == t + 1) & in_text,
            "previous": (s == t - 1) & in_text,
            "mirrored": (s == end - 1 - t) & in_text,
            "first": (s == 0) & in_text,
            "last": s == end - 1,
            "end": s == end,
        }
        return cls(
            steps, characters, visible, {name: key.expand(B, T, S) for name, key in keys.items()}
        )


class _Sums:
    """The scores of some heads, summed over the queries that have them."""

    def __init__(self, heads: int) -> None:
        names = (*CROSS_SHARES, "entropy", "direction")
        self._heads = heads
        self._sums = {name: torch.zeros(heads, dtype=torch.float64) for name in names}
        self._counts = dict.fromkeys(names, 0)

    def add(self, weights: torch.Tensor, pattern: _Patterns) -> None:
        """Adds the attention weights of a batch, (B, heads, T, S)."""
        for name, keys in pattern.keys.items():
            has_key = keys.any(dim=-1) & pattern.steps  # (B, T)
            self._add(name, (weights * keys[:, None]).sum(dim=-1), has_key)
        self._add("entropy", torch.special.entr(weights).sum(dim=-1) / math.log(2), pattern.steps)
        self._add("direction", *_direction(weights, pattern.characters))

    def _add(self, name: str, values: torch.Tensor, counted: torch.Tensor) -> None:
        """Adds values (B, heads, ...) where they are counted, (B, ...)."""
        values = values.double() * counted[:, None]
        self._sums[name] += values.transpose(0, 1).flatten(1).sum(dim=1)
        self._counts[name] += int(counted.sum())

    def means(self) -> list[HeadScores]:
        """The scores of each head."""
        columns: dict[str, list[float | None]] = {
            name: (self._sums[name] / count).tolist() if count else [None] * self._heads
            for name, count in self._counts.items()
        }
        return [
            HeadScores(
                {name: columns[name][head] for name in CROSS_SHARES},
                None,
                columns["entropy"][head],
                columns["direction"][head],
            )
            for head in range(self._heads)
        ]


def _direction(
    weights: torch.Tensor, characters: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """How a head moves in the source as the target is written, (B, heads), and where it counts.

    It is the correlation of the position in the target with the mean position that the head looks
    at: 1 where both advance evenly, -1 where the head moves backward.
    """
    S, T = weights.shape[-1], weights.shape[-2]
    shown, counts = characters[:, None], characters.sum(dim=1)[:, None]  # (B, 1, T), (B, 1)
    places = weights.double() @ torch.arange(S, dtype=torch.float64)  # (B, heads, T)
    places, times = (
        (each - (each * shown).sum(dim=-1, keepdim=True) / counts.clamp(min=1)[..., None]) * shown
        for each in (places, torch.arange(T, dtype=torch.float64))
    )
    return F.cosine_similarity(places, times, dim=-1), counts[:, 0] >= _MIN_CHARACTERS


def _ablation_effects(model: EncoderDecoder, pairs: PairExamples) -> Iterator[AblationEffect]:
    """The effect of each head of cross-attention, by zero ablation, layer by layer."""
    full, counts = _losses(model, pairs), pairs.target_counts
    for layer in range(model.config.n_layer):
        for head in range(model.config.n_head):
            with zero_ablate_head(model, layer, head, "cross_attention"):
                increases = _losses(model, pairs) - full  # one for each character
            yield AblationEffect(float(increases.mean()), standard_error(increases, counts))


@torch.no_grad()
def _losses(model: EncoderDecoder, pairs: PairExamples) -> NDArray[np.float64]:
    """The loss of each character of the targets, with their ends, in nats."""
    losses = []
    with evaluation_mode(model):
        for batch in eval_examples(pairs, TOKENS_PER_BATCH, pair_batch):
            logits = model(batch.inputs, batch.source, source_mask=batch.mask)  # (B, T, V)
            kept = batch.targets != IGNORE_INDEX
            losses.append(F.cross_entropy(logits[kept], batch.targets[kept], reduction="none"))
    found: NDArray[np.float64] = torch.cat(losses).double().numpy()
    return found
