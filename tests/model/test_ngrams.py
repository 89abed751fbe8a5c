"""Scores of n-grams: which characters they depend on, and where they count."""

from __future__ import annotations

import pytest
import torch

from attn_cli.model.ngrams import SCALE, NgramScores

ROWS, Y, V = 4096, 6, 29


@pytest.fixture
def scores() -> NgramScores:
    torch.manual_seed(3)
    return NgramScores([2, 4], ROWS, Y, dropout=0.0).eval()


def hashed(scores: NgramScores, ids: torch.Tensor) -> list[torch.Tensor]:
    return scores.hashed(ids, torch.ones_like(ids, dtype=torch.bool))


@pytest.mark.parametrize(("table", "n"), [(0, 2), (1, 4)])
def test_a_row_depends_on_the_last_n_characters_alone(
    scores: NgramScores, table: int, n: int
) -> None:
    ids = torch.randint(V, (1, 11))
    for changed in range(11):
        other = ids.clone()
        other[0, changed] = (ids[0, changed] + 1) % V
        differs = hashed(scores, ids)[table] != hashed(scores, other)[table]
        assert differs[0].tolist() == [changed <= t < changed + n for t in range(12)]


def test_the_same_characters_have_the_same_row_wherever_they_are(scores: NgramScores) -> None:
    four = torch.tensor([7, 0, 7, 3])
    ids = torch.cat([torch.tensor([5, 1]), four, torch.tensor([2]), four])[None]

    of_two, of_four = hashed(scores, ids)

    assert of_four[0, 5] == of_four[0, 10]
    assert of_two[0, 5] == of_two[0, 10]


def test_rows_are_spread_over_the_table(scores: NgramScores) -> None:
    pairs = torch.cartesian_prod(torch.arange(V), torch.arange(V))  # V * V of them

    rows = hashed(scores, pairs)[0][:, 1]

    # Of 841 balls in R boxes at random, R (1 - (1 - 1 / R) ** 841) boxes are hit: 761.
    assert len(rows.unique()) > 0.95 * 761
    assert rows.min() >= 0
    assert rows.max() < ROWS


@torch.no_grad()
def test_padding_changes_nothing_and_the_end_is_seen(scores: NgramScores) -> None:
    ids = torch.randint(V, (1, 5))
    longer = torch.cat([ids, torch.randint(V, (1, 3))], dim=1)
    mask = (torch.arange(8) < 5).view(1, 1, 1, 8)

    alone, padded = scores(ids), scores(longer, mask)

    torch.testing.assert_close(padded[:, :6], alone)
    assert (padded[:, 6:] == 0).all()
    # The n-grams that end where the text ends are none of the longer text.
    rows, others = hashed(scores, ids)[1], hashed(scores, longer)[1]
    assert (rows[0, :5] == others[0, :5]).all()
    assert rows[0, 5] != others[0, 5]


@torch.no_grad()
def test_the_scores_are_the_sum_over_the_lengths_over_the_root_of_the_places(
    scores: NgramScores,
) -> None:
    ids = torch.randint(V, (3, 7))

    summed = sum(
        table.weight[rows] for table, rows in zip(scores.tables, hashed(scores, ids), strict=True)
    )

    torch.testing.assert_close(scores(ids), SCALE * summed / 8**0.5)


@torch.no_grad()
def test_dropout_leaves_out_whole_ngrams_in_training_alone() -> None:
    dropping = NgramScores([2], ROWS, Y, dropout=0.5)
    torch.nn.init.ones_(dropping.tables[0].weight)
    ids = torch.randint(V, (8, 48))

    found = dropping.train()(ids) * 7 / SCALE  # of 49 places

    kept = (found > 0.5).all(dim=-1)
    assert ((found == 0).all(dim=-1) | kept).all()
    assert 0.3 < kept.float().mean() < 0.7
    assert (dropping.eval()(ids) > 0).all()
