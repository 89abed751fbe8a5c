"""Embeddings of n-grams: which characters they depend on, and where they start."""

from __future__ import annotations

import pytest
import torch

from attn_cli.model.build import build_model
from attn_cli.model.ngrams import NgramEmbedding
from tests.conftest import tiny_config

ROWS, C, V = 4096, 6, 29


@pytest.fixture
def ngrams() -> NgramEmbedding:
    torch.manual_seed(3)
    return NgramEmbedding([2, 4], ROWS, C, dropout=0.0).eval()


@pytest.mark.parametrize(("table", "n"), [(0, 2), (1, 4)])
def test_a_row_depends_on_the_last_n_characters_alone(
    ngrams: NgramEmbedding, table: int, n: int
) -> None:
    ids = torch.randint(V, (1, 11))
    for changed in range(11):
        other = ids.clone()
        other[0, changed] = (ids[0, changed] + 1) % V
        differs = ngrams.hashed(ids)[table] != ngrams.hashed(other)[table]
        expected = [changed <= t < changed + n for t in range(11)]
        assert differs[0].tolist() == expected


def test_the_same_characters_have_the_same_row_wherever_they_are(ngrams: NgramEmbedding) -> None:
    four = torch.tensor([7, 0, 7, 3])
    ids = torch.cat([torch.tensor([5, 1]), four, torch.tensor([2]), four])[None]

    of_two, of_four = ngrams.hashed(ids)

    assert of_four[0, 5] == of_four[0, 10]
    assert of_two[0, 5] == of_two[0, 10]


def test_rows_are_spread_over_the_table(ngrams: NgramEmbedding) -> None:
    pairs = torch.cartesian_prod(torch.arange(V), torch.arange(V))  # V * V of them

    rows = ngrams.hashed(pairs)[0][:, 1]

    # Of n balls in R boxes, R (1 - (1 - 1 / R) ** n) boxes are hit: 765 here.
    assert 0.9 * 765 < len(rows.unique()) < 1.1 * 765
    assert rows.min() >= 0
    assert rows.max() < ROWS


def test_the_embedding_is_the_sum_over_the_lengths(ngrams: NgramEmbedding) -> None:
    ids = torch.randint(V, (3, 7))

    summed = sum(
        table.weight[rows] for table, rows in zip(ngrams.tables, ngrams.hashed(ids), strict=True)
    )

    torch.testing.assert_close(ngrams(ids), summed)


def test_dropout_leaves_out_whole_ngrams_in_training_alone() -> None:
    dropping = NgramEmbedding([2], ROWS, C, dropout=0.5)
    torch.nn.init.ones_(dropping.tables[0].weight)
    ids = torch.randint(V, (8, 50))

    vectors = dropping.train()(ids)

    kept = (vectors == 1).all(dim=-1)
    assert ((vectors == 0).all(dim=-1) | kept).all()
    assert 0.3 < kept.float().mean() < 0.7
    assert (dropping.eval()(ids) == 1).all()


@torch.no_grad()
def test_a_model_begins_as_one_without_them() -> None:
    ids = torch.randint(V, (2, 9))
    logits = []
    for setting in ("model.ngrams=[]", "model.ngrams=[2, 3]"):
        torch.manual_seed(4)
        model = build_model(tiny_config("task=mlm", setting).model, V, "mlm").eval()
        torch.manual_seed(5)
        for parameter in model.blocks.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        torch.nn.init.normal_(model.token_embedding.weight)
        torch.nn.init.normal_(model.position_embedding.weight)
        logits.append(model(ids))

    torch.testing.assert_close(logits[0], logits[1])
