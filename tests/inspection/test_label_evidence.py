"""The evidence for a label: exact shares, and what happens without a character."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attn_cli.inspection.label_evidence import label_evidence
from attn_cli.model.build import build_model
from attn_cli.model.stack import Stack
from tests.conftest import tiny_config

V, Y = 23, 5
IDS = [0, 7, 3, 7, 11]


@pytest.fixture
def classifier() -> Stack:
    torch.manual_seed(9)
    model = build_model(tiny_config().model, V, "classify", Y).eval()
    torch.nn.init.normal_(model.head.weight)
    torch.nn.init.normal_(model.head.bias)
    return model


@torch.no_grad()
def test_the_shares_and_the_bias_sum_to_the_logit_above_the_mean(classifier: Stack) -> None:
    logits = classifier(torch.tensor([IDS]))[0]

    evidence = label_evidence(classifier, IDS)

    assert evidence.label == int(logits.argmax())
    above = float(logits[evidence.label] - logits.mean())
    assert evidence.shares.sum() + evidence.bias == pytest.approx(above, abs=1e-5)
    np.testing.assert_allclose(evidence.probs, logits.softmax(dim=-1), atol=1e-6)


@torch.no_grad()
def test_without_a_character_is_the_text_without_it(classifier: Stack) -> None:
    evidence = label_evidence(classifier, IDS, first=1)

    assert np.isnan(evidence.probs_without[0])
    for t in range(1, len(IDS)):
        shorter = torch.tensor([IDS[:t] + IDS[t + 1 :]])
        prob = classifier(shorter).softmax(dim=-1)[0, evidence.label]
        assert evidence.probs_without[t] == pytest.approx(float(prob), abs=1e-6)


def test_a_single_character_cannot_be_left_out(classifier: Stack) -> None:
    assert np.isnan(label_evidence(classifier, [4]).probs_without).all()
