"""The more time there is, the larger the model; and it always fits the text."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from attn_cli.config.load import load_config, parse_override
from attn_cli.config.schema import Config
from attn_cli.errors import DatasetError
from attn_cli.text.corpus import Corpus, load_corpus
from attn_cli.training.auto_size import Plan, choose_size
from attn_cli.training.size_recipes import (
    ENCODER_SIZES,
    LINES_RECIPE,
    NGRAM_RECIPE,
    PLAIN_RECIPE,
    REREAD_SETTINGS,
    ModelSize,
    recipe_for,
)
from attn_cli.training.threads import ThreadPolicy
from tests.conftest import VERSE


def corpus_of(folder: Path, chars: int) -> Corpus:
    path = folder / "text.txt"
    path.write_text((VERSE * (chars // len(VERSE) + 1))[:chars], encoding="utf-8")
    return load_corpus([str(path)], "printable")


def configure(size: dict[str, Any]) -> Config:
    """A size under what a user set: here, two sequences a step."""
    settings = {**size, "train.batch_size": 2}
    return load_config(
        None, [parse_override(f"{key}={json.dumps(value)}") for key, value in settings.items()]
    )


def chosen(corpus: Corpus, seconds: float) -> Config:
    threads = ThreadPolicy("auto", torch.get_num_threads())
    return choose_size(configure, corpus, seconds, torch.device("cpu"), threads).config


def test_no_time_takes_the_smallest(tmp_path: Path) -> None:
    config = chosen(corpus_of(tmp_path, 2000), 0.001)
    assert config.model.n_layer == NGRAM_RECIPE.sizes[0].n_layer
    assert config.model.n_embd == NGRAM_RECIPE.sizes[0].n_embd
    assert config.train.batch_size == 2  # the user's


def test_much_time_takes_the_largest_that_the_text_is_long_enough_for(tmp_path: Path) -> None:
    config = chosen(corpus_of(tmp_path, 6_000_000), 1e7)
    assert config.model.n_embd == NGRAM_RECIPE.sizes[-1].n_embd
    assert config.model.dropout == 0.0
    config = chosen(corpus_of(tmp_path, 250), 1e7)
    assert config.model.n_embd == NGRAM_RECIPE.sizes[0].n_embd
    assert config.model.dropout == 0.0


def test_a_small_text_is_not_read_so_often_that_it_is_learned_by_heart(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, 8000)
    train = chosen(corpus, 1e7).train
    assert train.max_epochs == 4
    # The turn is seen: there are evaluations on the way, and patience.
    steps = train.max_epochs * len(corpus.train) / (train.batch_size * 64)
    assert 10 <= steps / train.eval_every <= 30
    assert train.patience is not None


def test_an_encoder_takes_more_epochs_as_it_predicts_a_part_of_each(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, 9_000)
    settings = [parse_override("task=mlm"), parse_override("train.mask_fraction=0.25")]
    encoder = recipe_for(corpus, load_config(None, settings))
    assert encoder.sizes == ENCODER_SIZES
    assert encoder.most_epochs == 4 * PLAIN_RECIPE.most_epochs
    assert encoder.most_epochs_of_small == 4 * PLAIN_RECIPE.most_epochs_of_small


@pytest.mark.parametrize(("epochs", "dropout"), [(5, 0.0), (15, 0.1)])
def test_lines_get_dropout_only_where_they_are_read_often(epochs: int, dropout: float) -> None:
    size, chars = LINES_RECIPE.sizes[0], 100_000
    plan = Plan(LINES_RECIPE, size, chars, 8.0, chars_in_time=epochs * chars, speed=10_000.0)
    assert plan.settings(processes=1)["model.dropout"] == dropout


@pytest.mark.parametrize(
    ("in_time", "epochs", "reread"),
    [(0.2, 0.2, False), (1.7, 1.0, False), (1.75, 1.75, True), (9.0, 4.0, True)],
)
def test_a_text_with_ngrams_is_read_once_or_often(
    in_time: float, epochs: float, reread: bool
) -> None:
    size, chars = NGRAM_RECIPE.sizes[0], 300_000
    plan = Plan(NGRAM_RECIPE, size, chars, 64.0, chars_in_time=in_time * chars, speed=10_000.0)
    assert plan.chars == epochs * chars
    settings = plan.settings(1)
    assert settings["model.ngrams"]
    assert (REREAD_SETTINGS.items() <= settings.items()) == reread


@pytest.mark.parametrize(
    ("place", "in_time", "larger_in_time", "yields"),
    [
        *[(1, 0.9, 0.45, False), (1, 1.7, 0.85, True), (1, 1.2, 0.6, False), (1, 3.0, 1.5, True)],
        *[(2, 2.4, 1.6, False), (2, 3.2, 2.1, True)],
    ],
)
def test_a_larger_model_takes_over_where_the_smaller_one_would_read_a_text_again(
    place: int, in_time: float, larger_in_time: float, yields: bool
) -> None:
    chars = 900_000
    smaller, larger = (
        Plan(NGRAM_RECIPE, NGRAM_RECIPE.sizes[place], chars, 128.0, epochs * chars, 10_000.0)
        for place, epochs in ((place, in_time), (place + 1, larger_in_time))
    )
    assert smaller.yields_to(larger) == yields


def test_a_text_too_short_for_any_size_is_an_error_of_ours(tmp_path: Path) -> None:
    for chars in (1, 30):
        with pytest.raises(DatasetError):
            chosen(corpus_of(tmp_path, chars), 1.0)


def test_the_random_state_is_kept(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, 250)
    before = torch.get_rng_state()
    chosen(corpus, 1.0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("sizes", [NGRAM_RECIPE.sizes, PLAIN_RECIPE.sizes, ENCODER_SIZES])
def test_every_size_is_a_valid_configuration(sizes: tuple[ModelSize, ...]) -> None:
    for size in sizes:
        overrides = [parse_override(f"{k}={json.dumps(v)}") for k, v in size.settings().items()]
        assert load_config(None, overrides).model.n_embd == size.n_embd


@pytest.mark.parametrize("sizes", [NGRAM_RECIPE.sizes, PLAIN_RECIPE.sizes, ENCODER_SIZES])
def test_sizes_grow(sizes: tuple[ModelSize, ...]) -> None:
    least = [size.min_train_chars for size in sizes]
    assert least[0] == 0
    assert least == sorted(set(least))
