"""Beam search against every continuation there is."""

import numpy as np
import pytest
import torch

from attn_cli.generation.beam_search import beam_search
from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.constraints import Constraints
from attn_cli.generation.generate import GenerationState, generate
from attn_cli.generation.regex_constraint import compile_regex
from attn_cli.model.transformer import Transformer
from attn_cli.text.tokenizer import corpus_tokenizer
from tests.generation.conftest import VOCAB, in_numpy

PROMPT = [3, 1]


def beams(count: int) -> GenerationConfig:
    return GenerationConfig(num_beams=count)


def log_prob(model: Transformer, ids: list[int]) -> float:
    with torch.no_grad():
        logits = model(torch.tensor([[*PROMPT, *ids[:-1]]]))[0, len(PROMPT) - 1 :]
    return logits.log_softmax(-1)[range(len(ids)), ids].sum().item()


def test_as_wide_as_the_vocabulary_it_finds_the_most_probable(one_model: Transformer) -> None:
    with torch.no_grad():
        first = one_model(torch.tensor([PROMPT]))[0, -1].log_softmax(-1)  # (V,)
        after = torch.tensor([[*PROMPT, id_] for id_ in range(VOCAB)])
        second = one_model(after)[:, -1].log_softmax(-1)  # (V, V)
    best = list(divmod(int((first[:, None] + second).argmax()), VOCAB))
    found = beam_search(in_numpy(one_model), PROMPT, beams(VOCAB), Constraints(2))
    assert found[0].ids == best
    assert sum(token.log_prob for token in found[0].tokens) == pytest.approx(
        log_prob(one_model, best), abs=1e-3
    )


def test_within_a_pattern_it_finds_the_most_probable_by_the_models_own_probabilities(
    one_model: Transformer,
) -> None:
    """A forced character counts as what it is, unlikely or not."""
    tokenizer = corpus_tokenizer("abcdefghijklmnopqrs")
    automaton = compile_regex("q[a-d][a-d]|[e-g]qq", tokenizer, np.full(VOCAB, True))
    ids = {x: i for i, x in enumerate("abcdefghijklmnopqrs")}
    every = ["q" + x + y for x in "abcd" for y in "abcd"] + [x + "qq" for x in "efg"]
    best = max(([ids[x] for x in text] for text in every), key=lambda i: log_prob(one_model, i))
    found = beam_search(
        in_numpy(one_model), PROMPT, beams(VOCAB), Constraints(3, automaton=automaton)
    )
    assert found[0].ids == best
    assert found[0].finish_reason == "match"
    assert sum(token.log_prob for token in found[0].tokens) == pytest.approx(
        log_prob(one_model, best), abs=1e-3
    )


def test_one_beam_is_greedy(one_model: Transformer) -> None:
    text = GenerationState(PROMPT)
    for _ in generate(
        in_numpy(one_model), [text], GenerationConfig(temperature=0.0), Constraints(25)
    ):
        pass
    (found,) = beam_search(in_numpy(one_model), PROMPT, beams(1), Constraints(25))
    assert found.ids == text.ids
    assert found.finish_reason == "length"


def test_more_beams_are_ordered_and_no_worse_than_greedy(model: Transformer) -> None:
    numpy_model = in_numpy(model)
    (greedy,) = beam_search(numpy_model, PROMPT, beams(1), Constraints(6))
    found = beam_search(numpy_model, PROMPT, beams(40), Constraints(6))
    totals = [log_prob(model, text.ids) for text in found]
    assert totals == sorted(totals, reverse=True) or totals == pytest.approx(
        sorted(totals, reverse=True), abs=1e-3
    )
    assert totals[0] >= log_prob(model, greedy.ids) - 1e-3
    assert len({tuple(text.ids) for text in found}) == 40


def test_ends_count_as_a_character_and_are_left_out(one_model: Transformer) -> None:
    (greedy,) = beam_search(in_numpy(one_model), PROMPT, beams(1), Constraints(5))
    end = greedy.ids[-1]
    rules = Constraints(5, eos_id=end)
    found = beam_search(in_numpy(one_model), PROMPT, beams(1), rules)
    assert found[0].finish_reason == "end"
    assert found[0].ids == greedy.ids[: greedy.ids.index(end)]
