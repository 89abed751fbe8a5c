"""What `attn configs --explain` says that a key can be set to."""

import pytest

from attn_cli.config.allowed_values import allowed_values, choices, value_schemas
from attn_cli.config.load import load_config, parse_override
from attn_cli.config.schema import Config
from attn_cli.errors import ConfigError


def test_every_key_has_values() -> None:
    assert list(value_schemas()) == list(Config.fields())


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("task", "lm, mlm, classify, seq2seq"),
        ("data.text", "text, or a list of texts"),
        ("data.split_seed", "whole number, at least 0, below 2^63"),
        ("model.bias", "true, false"),
        ("model.ngrams", "list of: whole number, 2 to 16"),
        ("train.minutes", "number, above 0, at most 525,600, or null"),
        ("train.threads", "auto, or whole number, 1 to 1,024"),
        ("train.compile", "auto, or true, false"),
        ("train.loggers", "list of: csv, tensorboard, trackio, wandb"),
    ],
)
def test_values_in_words(key: str, said: str) -> None:
    assert allowed_values(value_schemas()[key]) == said


@pytest.mark.parametrize("key", ["model.position", "train.optimizer", "train.compile"])
def test_each_choice_can_be_set_and_no_other_word(key: str) -> None:
    for choice in choices(value_schemas()[key]):
        load_config(None, [parse_override(f"{key}={choice}")])
    with pytest.raises(ConfigError):
        load_config(None, [parse_override(f"{key}=nothing")])
