"""Targets of sources: greedy, by beams, sampled, constrained, of one model or several."""

import math
from itertools import product

import numpy as np
import pytest
import torch

from attn_cli.config.schema import ModelConfig
from attn_cli.errors import AttnError, InputError
from attn_cli.generation.beam_search import beam_search
from attn_cli.generation.config import GenerationConfig
from attn_cli.generation.constraints import Constraints
from attn_cli.generation.greedy_targets import greedy_targets
from attn_cli.generation.source_model import EnsembleModel, SourceModel, mean_log_probabilities
from attn_cli.generation.target_scores import target_log_probs
from attn_cli.generation.translation import Translator
from attn_cli.model.build import build_model
from attn_cli.model.encoder_decoder import EncoderDecoder
from attn_cli.runs.load_model import load_model
from tests.conftest import Trained

V, NEWLINE = 7, 0
GREEDY = GenerationConfig(temperature=0.0)
SOURCES = ["abc", "fed", "ab", "facade", "bbbbbb", "ce"]


def made_model(seed: int = 0, position: str = "rope") -> EncoderDecoder:
    torch.manual_seed(seed)
    sizes = ModelConfig(n_layer=2, n_embd=12, n_head=3, block_size=9, position=position)  # type: ignore[arg-type]
    model = build_model(sizes, V, "seq2seq").eval()
    assert isinstance(model, EncoderDecoder)
    with torch.no_grad():
        for parameter in model.parameters():  # with probabilities that differ
            parameter.mul_(6.0)
    return model


@pytest.fixture(scope="module")
def translator(trained_translator: Trained) -> Translator:
    return Translator([load_model(trained_translator.run.path)])


def texts(translator: Translator, sources: list[str], config: GenerationConfig) -> list[list[str]]:
    found = translator.translate(sources, config)
    return [[target.text for target in each.targets] for each in found]


@pytest.mark.parametrize("position", ["rope", "learned"])
@pytest.mark.parametrize("split", range(5))
def test_cached_steps_equal_one_pass_after_rows_were_selected(position: str, split: int) -> None:
    model = made_model(position=position)
    source = torch.tensor([[3, 1, 4, 0], [2, 2, 0, 0]])
    mask = torch.tensor([[True] * 4, [True] * 3 + [False]])[:, None, None]
    ids = np.array([[0, 5, 3, 1, 6], [0, 2, 2, 4, 1]])
    sources = SourceModel(model, source, mask)
    cache = sources.new_cache(2)
    for begin, end in ((0, split), (split, 5)):
        if begin < end:
            sources.forward(ids[:, begin:end], cache)
    rows = [1, 0, 1]
    sources.select_rows(cache, rows)
    got = sources.forward(np.array([[3], [2], [5]]), cache)
    whole = torch.tensor(np.concatenate([ids[rows], [[3], [2], [5]]], axis=1))
    expected = model(whole, source[rows], source_mask=mask[rows])[:, -1]
    np.testing.assert_allclose(got, expected.detach().numpy(), atol=1e-5)


def test_beams_that_keep_everything_find_the_most_probable_target() -> None:
    """Against all targets of up to three characters, scored one by one."""
    model, source = made_model(3), torch.tensor([[3, 1, 4, 0]])
    config = GenerationConfig(num_beams=400, max_new_chars=3, stop_at_eos=True)
    constraints = Constraints(3, NEWLINE, (), None)
    found = beam_search(SourceModel(model, source, None), [NEWLINE], config, constraints)
    best = found[0].ids

    @torch.no_grad()
    def mean(target: tuple[int, ...]) -> float:
        ids = torch.tensor([[NEWLINE, *target]])
        log_probs = model(ids, source).log_softmax(-1)[0]
        ended = (*target, NEWLINE) if len(target) < 3 else target
        return sum(float(log_probs[i, each]) for i, each in enumerate(ended)) / len(ended)

    everything = [each for n in range(4) for each in product(range(1, V), repeat=n)]
    assert tuple(best) == max(everything, key=mean)


def test_the_probabilities_of_an_ensemble_are_the_mean_of_those_of_its_models() -> None:
    models, source = [made_model(1), made_model(2)], torch.tensor([[3, 1, 0]])
    ensemble = EnsembleModel([SourceModel(model, source, None) for model in models])
    cache = ensemble.new_cache(1)
    for id_ in (0, 4, 2):
        got = ensemble.forward(np.array([[id_]]), cache)
    each = [model(torch.tensor([[0, 4, 2]]), source)[0, -1].softmax(-1) for model in models]
    np.testing.assert_allclose(np.exp(got[0]), torch.stack(each).mean(0).detach(), atol=1e-6)
    doubled = mean_log_probabilities([got, got])
    np.testing.assert_allclose(doubled, got, atol=1e-6)


def test_scores_are_of_whole_targets_with_their_ends() -> None:
    model = made_model()
    source = torch.tensor([[3, 1, 4, 0], [2, 2, 0, 0]])
    mask = torch.tensor([[True] * 4, [True] * 3 + [False]])[:, None, None]
    targets = [[5, 1, 2], []]
    got = target_log_probs([model], source, mask, targets, NEWLINE)
    for row, target in enumerate(targets):
        log_probs = model(torch.tensor([[0, *target]]), source[row : row + 1, : 4 - row])
        of_each = log_probs.log_softmax(-1)[0].tolist()
        expected = sum(of_each[i][each] for i, each in enumerate([*target, NEWLINE]))
        assert got[row] == pytest.approx(expected, abs=1e-5)


def test_targets_come_in_the_order_of_the_sources_and_do_not_depend_on_each_other(
    translator: Translator,
) -> None:
    together = texts(translator, SOURCES, GREEDY)
    assert together == [[source[::-1]] for source in SOURCES]
    assert together == [texts(translator, [source], GREEDY)[0] for source in SOURCES]


def test_the_fast_way_of_evaluation_writes_the_same(translator: Translator) -> None:
    newline = translator.tokenizer.symbols.index("\n")
    for source in SOURCES:
        ids = [*translator.tokenizer.encode(source).tolist(), newline]
        (written,) = greedy_targets(
            translator.models, torch.tensor([ids]), None, newline_id=newline
        )
        assert translator.tokenizer.decode(written) == texts(translator, [source], GREEDY)[0][0]


def test_beams_give_several_targets_the_best_first(translator: Translator) -> None:
    (found,) = translator.translate(["facade"], GenerationConfig(num_beams=5), 3)
    assert found.targets[0].text == "edacaf"
    assert len({target.text for target in found.targets}) == 3
    scores = [target.log_prob for target in found.targets]
    assert scores[0] == max(scores)
    assert 0 < sum(map(math.exp, scores)) < 1
    assert all(target.seed is None for target in found.targets)


def test_sampled_targets_have_a_seed_each_and_repeat(translator: Translator) -> None:
    config = GenerationConfig(temperature=8.0)
    once, again = (list(translator.translate(["ab", "cd"], config, 3, seed=5)) for _ in range(2))
    assert once == again
    assert [target.seed for target in once[1].targets] == [5, 6, 7]
    assert len({target.text for each in once for target in each.targets}) > 2


@pytest.mark.parametrize(
    ("config", "allowed"),
    [
        (GenerationConfig(temperature=0.0, regex="[abc]{2}"), "abc"),
        (GenerationConfig(temperature=0.0, forbidden_chars="de"), "abcf"),
    ],
)
def test_constraints_hold(translator: Translator, config: GenerationConfig, allowed: str) -> None:
    for (text,) in texts(translator, SOURCES, config):
        assert set(text) <= set(allowed)
        assert config.regex is None or len(text) == 2


@pytest.mark.parametrize(
    ("source", "what"), [("axb", "'x' at position 2"), ("a" * 99, "at most"), ("", "empty")]
)
def test_a_source_that_cannot_be_read_is_named(
    translator: Translator, source: str, what: str
) -> None:
    with pytest.raises(InputError, match="source 2") as refused:
        list(translator.translate(["ab", source], GREEDY))
    assert what in refused.value.message


def test_models_of_different_tables_are_no_ensemble(
    trained_translator: Trained, trained: Trained
) -> None:
    models = [load_model(each.run.path) for each in (trained_translator, trained)]
    with pytest.raises(AttnError, match="needs an encoder-decoder"):
        Translator(models)
