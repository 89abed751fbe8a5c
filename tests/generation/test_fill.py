"""Filling blanks: which context each is filled from, and in which order."""

from __future__ import annotations

import pytest
import torch

from attn_cli.config.schema import ModelConfig
from attn_cli.generation.fill import fill
from attn_cli.model.build import build_model
from attn_cli.text.tokenizer import corpus_tokenizer

TOKENIZER = corpus_tokenizer("abcdefg").with_mask()
T = 5  # block_size


@pytest.fixture
def model() -> torch.nn.Module:
    torch.manual_seed(3)
    config = ModelConfig(n_layer=1, n_embd=8, n_head=2, block_size=T)
    return build_model(config, TOKENIZER.vocab_size, "mlm").eval()


def ids(text: str) -> list[int]:
    mask_id = TOKENIZER.mask_id
    assert mask_id is not None
    return [mask_id if char == "_" else TOKENIZER.symbols.index(char) for char in text]


def test_a_blank_of_a_longer_text_is_filled_from_those_around_it(model: torch.nn.Module) -> None:
    (blank,) = fill(model, ids("aabbccd_eeffgg"), TOKENIZER).blanks
    (alone,) = fill(model, ids("cd_ee"), TOKENIZER).blanks
    assert blank.position == 7
    assert blank.char == alone.char
    assert blank.prob == pytest.approx(alone.prob, abs=1e-6)


@pytest.mark.parametrize(("text", "window"), [("_abcdefg", "_abcd"), ("abcdefg_", "defg_")])
def test_at_the_ends_the_context_is_as_long(model: torch.nn.Module, text: str, window: str) -> None:
    (blank,) = fill(model, ids(text), TOKENIZER).blanks
    (alone,) = fill(model, ids(window), TOKENIZER).blanks
    assert (blank.char, blank.prob) == (alone.char, pytest.approx(alone.prob, abs=1e-6))


def test_each_blank_is_the_most_certain_given_those_before(model: torch.nn.Module) -> None:
    text = ids("ab_c_de__f_ga_b")
    filled = fill(model, text, TOKENIZER)
    for blank in filled.blanks:
        again = fill(model, text, TOKENIZER).blanks[0]
        assert (blank.position, blank.char) == (again.position, again.char)
        assert blank.prob == max(each.prob for each in blank.alternatives)
        text[blank.position] = TOKENIZER.symbols.index(blank.char)
    assert tuple(text) == filled.ids


def test_a_text_without_a_blank_stays(model: torch.nn.Module) -> None:
    assert fill(model, [], TOKENIZER).ids == ()
    assert fill(model, ids("abcdefg"), TOKENIZER).ids == tuple(ids("abcdefg"))
