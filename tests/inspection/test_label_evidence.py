"""The evidence for a label: exact shares, and what happens without a character."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attn_cli.inspection.label_evidence import label_evidence
from attn_cli.model.build import build_model
from attn_cli.model.classifier import Classifier
from tests.conftest import tiny_config

V, Y = 23, 5
IDS = [0, 7, 3, 7, 11]


@pytest.fixture(params=["[]", "[2, 3]"], ids=["no n-grams", "n-grams"])
def classifier(request: pytest.FixtureRequest) -> Classifier:
    torch.manual_seed(9)
    config = tiny_config("task=classify", f"model.label_ngrams={request.param}")
    model = build_model(config.model, V, "classify", Y).eval()
    assert isinstance(model, Classifier)
    for name, parameter in model.named_parameters():
        if name.startswith(("head", "ngram_scores")):
            torch.nn.init.normal_(parameter)
    return model


@torch.no_grad()
def test_the_shares_and_the_bias_sum_to_the_logit_above_the_mean(classifier: Classifier) -> None:
    logits = classifier(torch.tensor([IDS]))[0]

    evidence = label_evidence(classifier, IDS)

    assert evidence.label == int(logits.argmax())
    above = float(logits[evidence.label] - logits.mean())
    of_ngrams = 0.0 if evidence.ngram_shares is None else evidence.ngram_shares.sum()
    assert evidence.shares.sum() + of_ngrams + evidence.bias == pytest.approx(above, abs=1e-4)
    assert (of_ngrams == 0.0) == (classifier.ngram_scores is None)
    np.testing.assert_allclose(evidence.probs, logits.softmax(dim=-1), atol=1e-6)


@torch.no_grad()
def test_without_a_character_is_the_text_without_it(classifier: Classifier) -> None:
    evidence = label_evidence(classifier, IDS, first=1)

    assert np.isnan(evidence.probs_without[0])
    for t in range(1, len(IDS)):
        shorter = torch.tensor([IDS[:t] + IDS[t + 1 :]])
        prob = classifier(shorter).softmax(dim=-1)[0, evidence.label]
        assert evidence.probs_without[t] == pytest.approx(float(prob), abs=1e-6)


def test_a_single_character_cannot_be_left_out(classifier: Classifier) -> None:
    assert np.isnan(label_evidence(classifier, [4]).probs_without).all()
