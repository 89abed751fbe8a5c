"""A classifier: what it makes of a text, whatever stands beside it in a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from attn_cli.generation.classify import label_probabilities
from attn_cli.model.build import build_model
from attn_cli.model.classifier import Classifier
from attn_cli.model.parameter_shapes import parameter_shapes
from tests.conftest import tiny_config

V, Y = 23, 5
CONFIG = tiny_config("task=classify", "model.label_ngrams=[2, 3]").model


@pytest.fixture
def classifier() -> Classifier:
    torch.manual_seed(7)
    model = build_model(CONFIG, V, "classify", Y)
    assert isinstance(model, Classifier)
    assert model.ngram_scores is not None
    for table in model.ngram_scores.tables:  # which begins at zero
        torch.nn.init.normal_(table.weight)
    return model.eval()


@torch.no_grad()
def test_the_logits_are_of_the_mean_and_of_the_ngrams(classifier: Classifier) -> None:
    ids = torch.arange(7)[None]
    each = classifier.head(classifier.hidden(ids))  # (B, T, Y)
    assert classifier.ngram_scores is not None
    of_ngrams = classifier.ngram_scores(ids).sum(dim=1)

    assert classifier(ids).shape == (1, Y)
    torch.testing.assert_close(classifier(ids), each.mean(dim=1) + of_ngrams)


@torch.no_grad()
def test_padding_changes_nothing(classifier: Classifier) -> None:
    ids = torch.arange(11)[None]
    mask = (torch.arange(15) < 11).view(1, 1, 1, 15)

    padded = classifier(F.pad(ids, (0, 4), value=3), mask=mask)

    torch.testing.assert_close(padded, classifier(ids), atol=1e-6, rtol=1e-6)


@torch.no_grad()
def test_both_ends_of_a_text_count_for_every_label(classifier: Classifier) -> None:
    ids = torch.arange(11)[None]
    for changed in (0, 10):
        other = ids.clone()
        other[0, changed] = V - 1
        assert (classifier(ids) != classifier(other)).all()


@torch.no_grad()
def test_probabilities_of_many_texts_are_those_of_each_alone(classifier: Classifier) -> None:
    random = np.random.default_rng(3)
    texts = [random.integers(0, V, length).tolist() for length in (3, 16, 1, 7, 7, 2)]

    together = label_probabilities(classifier, texts)

    assert together.shape == (len(texts), Y)
    for text, probs in zip(texts, together, strict=True):
        alone = classifier(torch.tensor([text])).softmax(dim=-1)[0]
        np.testing.assert_allclose(probs, alone, atol=1e-6)
    assert label_probabilities(classifier, []).shape == (0, Y)


def test_its_listed_shapes_are_its_own(classifier: Classifier) -> None:
    built = {name: tuple(parameter.shape) for name, parameter in classifier.named_parameters()}

    assert parameter_shapes(CONFIG, V, Y) == built
