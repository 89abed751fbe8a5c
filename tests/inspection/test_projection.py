"""The page of texts as points: its components are those of the vectors, its data are only data."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from attn_cli.inspection.page.projection import principal_components, projection_page


def test_components_are_those_of_the_singular_value_decomposition() -> None:
    random = np.random.default_rng(0)
    vectors = (random.normal(size=(101, 7)) @ random.normal(size=(7, 7)) + 5).astype(np.float32)
    found = principal_components(vectors)
    deviations = vectors - vectors.mean(axis=0)
    _, values, axes = np.linalg.svd(deviations, full_matrices=False)
    expected = deviations @ axes[:3].T
    np.testing.assert_allclose(np.abs(found.points), np.abs(expected), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.explained, (values**2 / (values**2).sum())[:3], rtol=1e-4)


@pytest.mark.parametrize("shape", [(1, 5), (2, 2), (3, 1)])
def test_few_vectors_and_few_channels_have_a_page(shape: tuple[int, int]) -> None:
    data = payload(projection_page("t", "d", ["a"] * shape[0], [None] * shape[0], np.ones(shape)))
    assert len(data["points"]) == shape[0]
    assert len(data["explained"]) == min(3, shape[1])
    assert np.allclose(data["points"], 0)


def test_texts_are_data_and_labels_are_numbered() -> None:
    texts = ["</script><b>&", "\u2028 é", "c"]
    vectors = np.eye(3, 4, dtype=np.float32)
    page = projection_page("<t>", "d", texts, ["y", "x", "y"], vectors)
    data = payload(page)
    assert data["texts"] == texts
    assert (data["labels"], data["label_of"]) == (["x", "y"], [1, 0, 1])
    assert page.count("</script>") == 2
    assert "&lt;t&gt;" in page
    assert page.isascii() or "\u2028" not in page
    assert np.abs(data["points"]).max() == 10_000


def payload(page: str) -> dict:
    return json.loads(re.search(r'id="payload">(.*?)</script>', page, re.DOTALL)[1])
