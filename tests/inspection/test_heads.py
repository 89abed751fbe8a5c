"""What heads are said to do is what their weights say, and what the model loses without them."""

from __future__ import annotations

import math
from statistics import fmean, stdev

import numpy as np
import pytest
import torch

from attn_cli.inspection.ablation import ablation_effects, zero_ablate_head
from attn_cli.inspection.forward_pass import forward_pass
from attn_cli.inspection.heads import FIELDS, HeadScores, head_scores
from attn_cli.model.build import build_model
from attn_cli.objectives.evaluation import PerTokenLosses, evaluate
from attn_cli.runs.loaded_model import TrainedModel, load_model
from tests.conftest import Trained, tiny_config

TEXT = "The fox isn't the owl.\nThe fox met the owl, and the owl"


@pytest.fixture
def loaded(trained: Trained) -> TrainedModel:
    return load_model(trained.run.path)


def by_hand(weights: np.ndarray, text: str) -> dict[str, list[float]]:
    """Every score of one head at each character of a window, straight from its definition."""
    found: dict[str, list[float]] = {which: [] for which in FIELDS}
    for t in range(1, len(text)):
        row = weights[t]
        found["previous"].append(row[t - 1])
        found["itself"].append(row[t])
        found["first"].append(row[0])
        last = text.rfind(text[t], 0, t)
        if last >= 0:
            found["same"].append(row[last])
            if last + 1 < t:
                found["induction"].append(row[last + 1])
        start = t
        while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "'"):
            start -= 1
        if (text[t].isalnum() or text[t] == "'") and start < t:
            found["word_start"].append(row[start])
        found["distance"].append(sum(row[s] * (t - s) for s in range(t + 1)))
        found["entropy"].append(-sum(w * math.log2(w) for w in row[: t + 1] if w > 0))
    return found


def test_scores_are_those_of_the_definitions(loaded: TrainedModel) -> None:
    model, tokenizer = loaded.model, loaded.tokenizer
    T = model.config.block_size
    scores, uniform_baseline = head_scores(model, tokenizer.encode(TEXT), tokenizer.symbols)
    # The last character is only predicted: no window begins with it.
    pieces = [TEXT[first : first + T] for first in range(0, len(TEXT) - 1, T)]
    pieces[-1] = pieces[-1] if len(pieces[-1]) == T else pieces[-1][:-1]
    assert "induction" in FIELDS
    for layer in range(model.config.n_layer):
        for head in range(model.config.n_head):
            together: dict[str, list[float]] = {which: [] for which in FIELDS}
            for piece in pieces:
                seen = forward_pass(model, tokenizer.encode(piece).tolist())
                for which, values in by_hand(seen.attention[layer, head].numpy(), piece).items():
                    together[which] += values
            for which, values in together.items():
                assert getattr(scores[layer][head], which) == pytest.approx(fmean(values), abs=1e-5)
    alike = [1 / (t + 1) for piece in pieces for t in range(1, len(piece))]
    assert uniform_baseline.previous == uniform_baseline.first == pytest.approx(fmean(alike))


def test_a_head_is_named_after_what_is_clear_and_no_accident() -> None:
    uniform_baseline = HeadScores(0.1, 0.1, 0.1, 0.05, 0.05, 0.1, 6.0, 3.0)
    one = HeadScores(0.6, 0.1, 0.1, 0.0, 0.0, 0.2, 2.0, 1.0)
    assert one.name(uniform_baseline) == "previous character"
    assert HeadScores(0.1, 0.1, 0.1, 0.0, 0.7, 0.2, 2.0, 1.0).name(uniform_baseline) == "induction"
    assert HeadScores(0.2, 0.2, 0.2, 0.1, 0.1, 0.2, 2.0, 1.0).name(uniform_baseline) == ""
    # Where a text has nothing to measure, nothing is claimed.
    nothing = HeadScores(None, None, 0.9, None, None, None, 2.0, 1.0)
    assert nothing.name(uniform_baseline) == "first character"
    # In a window of two characters everybody looks at the previous one.
    short = HeadScores(0.5, 0.5, 0.5, 0.0, 0.0, 0.0, 1.0, 1.0)
    assert short.name(short) == ""


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
    model = loaded.model
    T = model.config.block_size
    ids = loaded.tokenizer.encode(TEXT)[: 3 * T + 6]
    effects = list(ablation_effects(model, ids))
    assert len(effects) == model.config.n_layer * model.config.n_head
    losses = np.concatenate(list(PerTokenLosses(model, ids)))
    with zero_ablate_head(model, 1, 0):
        differences = np.concatenate(list(PerTokenLosses(model, ids))) - losses
        without = evaluate(model, ids).loss
    effect = effects[model.config.n_head]
    assert effect.loss_increase == pytest.approx(without - evaluate(model, ids).loss, abs=1e-6)
    # The end, which is no whole window, counts for the loss and not for its error.
    means = [fmean(differences[first : first + T].tolist()) for first in (0, T, 2 * T)]
    assert effect.standard_error == pytest.approx(stdev(means) / math.sqrt(3), abs=1e-6)
    assert all(effect.standard_error is None for effect in ablation_effects(model, ids[:5]))
