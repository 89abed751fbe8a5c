"""What is measured of cross-attention, beside plain loops over unpadded pairs."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
import torch

from attn_cli.inspection.ablation import zero_ablate_head
from attn_cli.inspection.cross_heads import CROSS_SHARES, measure_cross_heads
from attn_cli.inspection.heads import HeadScores
from attn_cli.inspection.pair_pass import PairPass, run_pair
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import LoadedModel
from attn_cli.text.pairs import PairExamples, as_pairs
from tests.conftest import Trained


@pytest.fixture(scope="module")
def loaded(trained_translator: Trained) -> LoadedModel:
    return load_model(trained_translator.run.path)


@pytest.fixture(scope="module")
def pairs(loaded: LoadedModel) -> PairExamples:
    return as_pairs(loaded.corpus().validation)


def passes(loaded: LoadedModel, pairs: PairExamples) -> list[PairPass]:
    encode, newline_id = loaded.tokenizer.encode, loaded.bos_id
    return [
        run_pair(
            loaded.encoder_decoder, encode(source).tolist(), encode(target).tolist(), newline_id
        )
        for source, target in zip(pairs.sources(), pairs.targets(), strict=True)
    ]


def shares_by_hand(seen: list[PairPass], layer: int, head: int) -> dict[str, float]:
    """The mean share of each pattern over the steps that have it."""
    found = defaultdict(list)
    for each in seen:
        weights, end = each.cross_attention[layer, head].tolist(), len(each.source_ids) - 1
        for t, (row, written) in enumerate(zip(weights, each.target_ids, strict=True)):
            keys = {
                "position": t, "next": t + 1, "previous": t - 1, "mirrored": end - 1 - t,
                "first": 0, "last": end - 1, "end": end,
            }  # fmt: skip
            for name, s in keys.items():
                if 0 <= s < end or name == "end":
                    found[name].append(row[s])
            same = [row[s] for s in range(end) if each.source_ids[s] == written]
            if same:
                found["written"].append(sum(same))
            found["entropy"].append(-sum(w * math.log2(w) for w in row if w > 0))
        if len(weights) > 3:  # with the end, which has no place in the source
            centres = np.array(weights[:-1]) @ np.arange(end + 1)
            found["direction"].append(np.corrcoef(centres, np.arange(len(centres)))[0, 1])
    return {name: float(np.mean(values)) for name, values in found.items()}


def test_shares_are_means_over_the_steps_that_have_them(
    loaded: LoadedModel, pairs: PairExamples
) -> None:
    seen = passes(loaded, pairs)
    baseline, measured = measure_cross_heads(loaded, pairs)
    heads = list(measured)
    assert [(each.layer, each.head) for each in heads] == [
        (layer, head) for layer in (1, 2) for head in (1, 2, 3)
    ]
    for each in heads:
        scores = each.scores
        expected = shares_by_hand(seen, each.layer - 1, each.head - 1)
        found = {**scores.shares, "entropy": scores.entropy, "direction": scores.direction}
        assert found == pytest.approx(expected, abs=1e-4)
    assert set(baseline.shares) == set(CROSS_SHARES)
    lengths = [len(each.source_ids) for each in seen for _ in each.target_ids]
    assert baseline.shares["end"] == pytest.approx(np.mean([1 / n for n in lengths]), abs=1e-5)
    assert baseline.entropy == pytest.approx(np.mean(np.log2(lengths)), abs=1e-5)
    assert baseline.direction == pytest.approx(0, abs=1e-6)


def test_a_head_that_writes_backwards_is_named(loaded: LoadedModel, pairs: PairExamples) -> None:
    """The run writes strings backwards: what moves, moves backward."""
    _, measured = measure_cross_heads(loaded, pairs)
    heads = list(measured)
    assert min(head.scores.direction for head in heads) < -0.8
    assert {head.name for head in heads} & {"mirrored position", "written character"}
    assert max(head.effect.loss_increase for head in heads) > 0.1


def test_without_a_head_the_loss_is_that_of_the_model_without_it(
    loaded: LoadedModel, pairs: PairExamples
) -> None:
    def mean_loss() -> float:
        return float(torch.cat([each.losses for each in passes(loaded, pairs)]).mean())

    _, measured = measure_cross_heads(loaded, pairs)
    (effect,) = [each.effect for each in measured if (each.layer, each.head) == (2, 1)]
    full = mean_loss()
    before = {name: tensor.clone() for name, tensor in loaded.model.state_dict().items()}
    with zero_ablate_head(loaded.model, 1, 0, "cross_attention"):
        without = mean_loss()
    assert effect.loss_increase == pytest.approx(without - full, abs=1e-5)
    assert effect.standard_error > 0
    for name, tensor in loaded.model.state_dict().items():
        assert torch.equal(tensor, before[name])


@pytest.mark.parametrize(
    ("shares", "direction", "entropy", "name"),
    [
        ({"mirrored": 0.5}, -0.9, 1.0, "mirrored position"),
        ({"written": 0.7, "next": 0.4}, 0.9, 1.0, "written character"),
        ({}, 0.9, 1.0, "moves forward"),
        ({}, -0.9, 1.0, "moves backward"),
        ({}, 0.9, 2.99, "uniform"),
        ({}, 0.5, 1.0, ""),
    ],
)
def test_names(shares: dict[str, float], direction: float, entropy: float, name: str) -> None:
    baseline = HeadScores(dict.fromkeys(CROSS_SHARES, 0.1), None, 3.0, 0.0)
    scores = HeadScores({**baseline.shares, **shares}, None, entropy, direction)
    assert scores.name(baseline) == name
