"""Embeddings of n-grams: which characters they depend on, and what they add."""

from __future__ import annotations

import pytest
import torch

from attn_cli.config.schema import ModelConfig
from attn_cli.model.build import build_model
from attn_cli.model.ngram_embeddings import NgramEmbeddings
from attn_cli.model.ngram_hash import make_ngram_hash
from attn_cli.model.transformer import Transformer

V, C, E = 29, 10, 3
CONFIG = ModelConfig(
    n_layer=2, n_head=2, n_embd=C, block_size=13, ngrams=[2, 4], ngram_rows=4096, ngram_embd=E
)


@pytest.fixture
def ngrams() -> NgramEmbeddings:
    torch.manual_seed(3)
    made = NgramEmbeddings(CONFIG, V).eval()
    torch.nn.init.normal_(made.table.weight)
    return made


@pytest.mark.parametrize(("place", "n"), [(0, 2), (1, 4)])
def test_a_row_depends_on_the_last_n_characters_alone(
    ngrams: NgramEmbeddings, place: int, n: int
) -> None:
    ids = torch.randint(V, (1, 11))
    for changed in range(11):
        other = ids.clone()
        other[0, changed] = (ids[0, changed] + 1) % V
        differs = (ngrams.rows(ids, 11) != ngrams.rows(other, 11))[0, :, place]
        assert differs.tolist() == [changed <= t < changed + n for t in range(11)]


def test_the_same_characters_have_the_same_row_wherever_they_are(ngrams: NgramEmbeddings) -> None:
    four = torch.tensor([7, 0, 7, 3])
    ids = torch.cat([torch.tensor([5, 1]), four, torch.tensor([2]), four])[None]
    rows = ngrams.rows(ids, 11)[0]
    assert torch.equal(rows[5], rows[10])
    assert torch.equal(ngrams.rows(ids, 4)[0], rows[-4:])


@pytest.mark.parametrize("piece", [1, 7, 2**18])
def test_rows_are_counted_over_a_whole_text(
    ngrams: NgramEmbeddings, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attn_cli.model.ngram_embeddings._COUNTED_AT_ONCE", piece)
    ids = torch.randint(5, (71,))
    looked_up = ngrams.rows(ids[None], 71).flatten().tolist()
    frequent = ngrams.frequent_rows(ids.numpy().astype("uint8"), 3)
    assert 0 < frequent.sum() < len(set(looked_up))
    for row in range(ngrams.hash.total_rows):
        assert frequent[row] == (looked_up.count(row) >= 3)


def test_where_the_rows_are_enough_each_ngram_has_its_own() -> None:
    pairs = torch.cartesian_prod(torch.arange(V), torch.arange(V))
    exact = NgramEmbeddings(CONFIG.model_copy(update={"ngrams": [2]}), V)
    assert exact.hash.total_rows == (V + 1) ** 2  # with those of a text's beginning
    both = exact.rows(pairs, 2)
    assert len(both.unique()) == V * V + V


def test_hashed_ngrams_are_spread_over_their_part_of_the_table() -> None:
    hashed = make_ngram_hash([3, 5], 4096, V)
    made = NgramEmbeddings(CONFIG.model_copy(update={"ngrams": [3, 5]}), V)
    threes = torch.cartesian_prod(*[torch.arange(V)] * 3)[::6]  # 4,065 of them
    rows = made.rows(threes, 1)[:, 0]
    # Of as many balls in 4,096 boxes at random, 2,578 boxes are hit.
    for place, n in enumerate((3, 5)):
        begin = hashed.offsets[place]
        assert begin <= rows[:, place].min()
        assert rows[:, place].max() < begin + hashed.sizes[place]
        assert len(rows[:, place].unique()) > 0.95 * 2578, n


@torch.no_grad()
def test_they_are_the_projection_of_all_rows_side_by_side(ngrams: NgramEmbeddings) -> None:
    ids = torch.randint(V, (3, 7))
    expected = torch.zeros(3, 7, C)
    for b in range(3):
        for t in range(7):
            rows = ngrams.rows(ids[b : b + 1, : t + 1], 1)[0, 0]
            side_by_side = torch.cat([ngrams.table.weight[row] for row in rows])
            expected[b, t] = ngrams.projection.weight @ side_by_side
    torch.testing.assert_close(ngrams(ids, 7), expected)


@torch.no_grad()
def test_dropout_leaves_out_whole_ngrams_in_training_alone(ngrams: NgramEmbeddings) -> None:
    ngrams.dropout = 0.5
    torch.nn.init.ones_(ngrams.table.weight)
    ngrams.projection.weight.zero_()
    for place in range(2):  # the first E channels sum the shorter n-gram, the next E the longer
        ngrams.projection.weight[place, place * E : (place + 1) * E] = 1 / E
    ids = torch.randint(V, (8, 48))

    dropped = ngrams.train()(ids, 48)[..., :2]

    left_out = dropped.abs() < 1e-6
    assert (left_out | ((dropped - 2.0).abs() < 1e-6)).all()  # scaled, so that the mean stays
    assert 0.4 < left_out.float().mean() < 0.6
    torch.testing.assert_close(ngrams.eval()(ids, 48)[..., :2], torch.ones(8, 48, 2))


@torch.no_grad()
def test_a_model_begins_as_it_would_without_them() -> None:
    ids = torch.randint(V, (2, 13))
    model = build_model(CONFIG, V)
    assert isinstance(model, Transformer)
    with_them = model(ids)
    model.ngrams = None
    torch.testing.assert_close(with_them, model(ids))
