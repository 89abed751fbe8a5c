"""What heads are said to do is what their weights say, and what the model loses without them."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import fmean, stdev

import numpy as np
import pytest
import torch

from attn_cli.inspection.ablation import ablation_effects, zero_ablate_head
from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.inspection.heads import DECODER_SHARES, ENCODER_SHARES, HeadScores, head_scores
from attn_cli.model.build import build_model
from attn_cli.objectives.evaluation import PerTokenLosses, evaluate
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.text.batches import eval_windows
from attn_cli.text.masking import PASSES, hide_each_once
from tests.conftest import Trained, tiny_config

TEXT = "The fox isn't the owl.\nThe fox met the owl, and the owl"


@pytest.fixture(params=["decoder", "encoder"])
def loaded(
    request: pytest.FixtureRequest, trained: Trained, trained_encoder: Trained
) -> TrainedModel:
    run = {"decoder": trained, "encoder": trained_encoder}[request.param].run
    return load_model(run.path)


def in_word(character: str) -> bool:
    return character.isalnum() or character == "'"


def by_hand(weights: np.ndarray, text: str, hidden: list[int] | None) -> dict[str, list[float]]:
    """Every score of one head at each character of a window, straight from its definition."""
    found: dict[str, list[float]] = defaultdict(list)
    end = len(text) - 1
    for t in range(1 if hidden is None else 0, len(text)):
        row = weights[t]
        if t > 0:
            found["previous"].append(row[t - 1])
        if t < end:
            found["next"].append(row[t + 1])
            found["after"].append(sum(row[t + 1 :]))
        found["itself"].append(row[t])
        found["first"].append(row[0])
        last, following = text.rfind(text[t], 0, t), text.find(text[t], t + 1)
        if last >= 0:
            found["same"].append(row[last])
            found["same_before"].append(row[last])
            if last + 1 < t:
                found["induction"].append(row[last + 1])
        if following >= 0:
            found["same_after"].append(row[following])
        first = final = t
        while first > 0 and in_word(text[first - 1]):
            first -= 1
        while final < end and in_word(text[final + 1]):
            final += 1
        if in_word(text[t]) and first < t:
            found["word_start"].append(row[first])
        if in_word(text[t]) and final > t:
            found["word_end"].append(row[final])
        if hidden:
            found["hidden"].append(sum(row[key] for key in hidden))
        found["distance"].append(sum(row[key] * abs(t - key) for key in range(len(text))))
        found["entropy"].append(-sum(w * math.log2(w) for w in row if w > 0))
    return found


def readings(loaded: TrainedModel) -> list[tuple[list[int], str, list[int] | None]]:
    """What a model is given of the text: ids, the text itself, and where some of it is hidden."""
    tokenizer, T = loaded.tokenizer, loaded.model.config.block_size
    mask_id = tokenizer.mask_id
    # The last character is only predicted: no window begins with it.
    pieces = [TEXT[first : first + T] for first in range(0, len(TEXT) - 1, T)]
    pieces[-1] = pieces[-1] if len(pieces[-1]) == T else pieces[-1][:-1]
    if mask_id is None:
        return [(tokenizer.encode(piece).tolist(), piece, None) for piece in pieces]
    batches = hide_each_once(eval_windows(tokenizer.encode(TEXT), T, 1), T, mask_id)
    return [
        (ids, piece, [place for place, id_ in enumerate(ids) if id_ == mask_id])
        for piece, batch in zip(pieces, batches, strict=True)
        for ids in batch.inputs.tolist()
    ]


def test_scores_are_those_of_the_definitions(loaded: TrainedModel) -> None:
    model, tokenizer = loaded.model, loaded.tokenizer
    scores, uniform_baseline = head_scores(
        model, tokenizer.encode(TEXT), tokenizer.symbols, tokenizer.mask_id
    )
    decoder = tokenizer.mask_id is None
    shares = DECODER_SHARES if decoder else ENCODER_SHARES
    read = readings(loaded)
    assert len(read) == (4 if decoder else 4 * PASSES)
    for layer in range(model.config.n_layer):
        for head in range(model.config.n_head):
            together: dict[str, list[float]] = defaultdict(list)
            for ids, piece, hidden in read:
                weights = forward_pass(model, ids).attention[layer, head].numpy()
                for which, values in by_hand(weights, piece, hidden).items():
                    together[which] += values
            score = scores[layer][head]
            assert tuple(score.shares) == shares
            found = {**score.shares, "distance": score.distance, "entropy": score.entropy}
            for which, value in found.items():
                assert value == pytest.approx(fmean(together[which]), abs=1e-5), which
    if decoder:
        alike = [1 / (t + 1) for _, piece, _ in read for t in range(1, len(piece))]
    else:
        alike = [1 / len(piece) for _, piece, _ in read for t in range(len(piece))]
    assert uniform_baseline.shares["itself"] == pytest.approx(fmean(alike))


def scored(
    previous: float | None, itself: float | None = 0.1, induction: float | None = 0.05,
    entropy: float = 1.0, **more: float,
) -> HeadScores:  # fmt: skip
    shares = {"previous": previous, "itself": itself, "induction": induction, **more}
    return HeadScores(shares, distance=2.0, entropy=entropy)


def test_a_head_is_named_after_what_is_clear_and_no_accident() -> None:
    baseline = scored(0.1, entropy=3.0)
    assert scored(0.6).name(baseline) == "previous character"
    assert scored(0.1, induction=0.7).name(baseline) == "induction"
    assert scored(0.2, 0.2, 0.1).name(baseline) == ""
    assert scored(0.2, 0.2, 0.1, entropy=2.9).name(baseline) == "uniform"
    # Where a text has nothing to measure, nothing is claimed.
    assert scored(None, 0.9, None).name(scored(0.1, entropy=3.0)) == "itself"
    # In a window of two characters everybody looks at the previous one.
    short = scored(0.5, 0.5, 0.0)
    assert short.name(short) != "previous character"
    sides = scored(0.1, entropy=3.0, after=0.5)
    assert scored(0.1, after=0.85).name(sides) == "what comes after"
    assert scored(0.1, after=0.05).name(sides) == "what comes before"
    assert scored(0.1, 0.3, after=0.05).name(sides) == ""
    assert scored(0.6, after=0.05).name(sides) == "previous character"


@pytest.mark.parametrize("block", ["gpt2", "qwen3"])
def test_a_head_taken_away_gives_nothing_and_comes_back(block: str) -> None:
    torch.manual_seed(0)
    model = build_model(tiny_config(f"model.block={block}", "model.bias=false").model, 100)
    before = {name: p.clone() for name, p in model.named_parameters()}
    whole = forward_pass(model, range(9))
    with zero_ablate_head(model, 1, 2):
        without = forward_pass(model, range(9))
    name = "block 2.attention."
    # What the head gave, through its part of the projection, is all that is missing.
    mixed = whole[name + "weights @ value"][2]  # (T, D)
    columns = dict(before)["blocks.1.attention.projection.weight"][:, 16:24]  # (C, D)
    given = mixed @ columns.T
    torch.testing.assert_close(without[name + "projection"], whole[name + "projection"] - given)
    assert not torch.equal(without["logits"], whole["logits"])
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())


def test_loss_rises_are_differences_of_exact_losses(loaded: TrainedModel) -> None:
    model, mask_id = loaded.model, loaded.tokenizer.mask_id
    T = model.config.block_size
    ids = loaded.tokenizer.encode(TEXT)[: 3 * T + 6]
    effects = list(ablation_effects(model, ids, mask_id))
    assert len(effects) == model.config.n_layer * model.config.n_head
    before = evaluate(model, ids, mask_id=mask_id).loss
    losses = np.concatenate(list(PerTokenLosses(model, ids, mask_id)))
    with zero_ablate_head(model, 1, 0):
        differences = np.concatenate(list(PerTokenLosses(model, ids, mask_id))) - losses
        without = evaluate(model, ids, mask_id=mask_id).loss
    effect = effects[model.config.n_head]
    assert effect.loss_increase == pytest.approx(without - before, abs=1e-6)
    # The end, which is no whole window, counts for the loss and not for its error.
    means = [fmean(differences[first : first + T].tolist()) for first in (0, T, 2 * T)]
    assert effect.standard_error == pytest.approx(stdev(means) / math.sqrt(3), abs=1e-6)
    few = ablation_effects(model, ids[:5], mask_id)
    assert all(effect.standard_error is None for effect in few)
