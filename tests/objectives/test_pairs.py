"""The loss and the measures of an encoder-decoder, beside one pair after the other in Python."""

from __future__ import annotations

import copy
import functools

import pytest
import torch
from rapidfuzz.distance import Levenshtein

from attn_cli.errors import DatasetError
from attn_cli.generation.greedy_targets import greedy_targets
from attn_cli.model.build import build_model
from attn_cli.model.encoder_decoder import EncoderDecoder
from attn_cli.objectives.pair_evaluation import PairEvaluation, evaluate_pairs, written_targets
from attn_cli.objectives.pair_loss import pair_loss
from attn_cli.text.pair_batches import pair_batch
from attn_cli.text.pairs import PairExamples, find_pairs
from attn_cli.text.tokenizer import corpus_tokenizer
from tests.conftest import tiny_config

TOKENIZER = corpus_tokenizer("abc\t\n")
NEWLINE = TOKENIZER.symbols.index("\n")
PAIRS = [
    ("ab", "ba"), ("abcabcabc", "c"), ("c", "cab"), ("bca", "abcabc"), ("ab", "b"), ("ab", "aab"),
    ("ba", "ab"), ("c", "abc"), ("acca", "acccca"), ("bbbbbb", "bb"),
]  # fmt: skip


def pairs_of(pairs: list[tuple[str, str]]) -> PairExamples:
    text = "".join(f"{source}\t{target}\n" for source, target in pairs)
    return find_pairs(TOKENIZER.encode(text), TOKENIZER)


@pytest.fixture
def model() -> EncoderDecoder:
    torch.manual_seed(5)
    model = build_model(tiny_config("task=seq2seq").model, TOKENIZER.vocab_size, "seq2seq")
    assert isinstance(model, EncoderDecoder)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8)  # else it would write the same for every source
    return model.eval()


def ids_of(text: str) -> list[int]:
    return TOKENIZER.encode(text).tolist()


@torch.no_grad()
def logits_of(model: EncoderDecoder, source: str, ids: list[int]) -> torch.Tensor:
    """The logits (V,) of what follows a newline and these ids, without a batch or a cache."""
    return model(torch.tensor([[NEWLINE, *ids]]), torch.tensor([[*ids_of(source), NEWLINE]]))[0, -1]


def written_alone(model: EncoderDecoder, source: str) -> str:
    """What a model writes for a source, one character after the other."""
    ids: list[int] = []
    while len(ids) < model.config.block_size:
        following = int(logits_of(model, source, ids).argmax())
        if following == NEWLINE:
            break
        ids.append(following)
    return TOKENIZER.decode(ids)


def losses_of(model: EncoderDecoder, source: str, target: str) -> list[float]:
    """The loss of each character of a target, and of its end."""
    ids = [*ids_of(target), NEWLINE]
    return [
        -logits_of(model, source, ids[:t]).log_softmax(-1)[ids[t]].item() for t in range(len(ids))
    ]


@functools.cache
def edit_distance(a: str, b: str) -> int:
    """Levenshtein's, by its definition."""
    if not a or not b:
        return len(a) + len(b)
    return min(
        edit_distance(a[1:], b) + 1,
        edit_distance(a, b[1:]) + 1,
        edit_distance(a[1:], b[1:]) + (a[0] != b[0]),
    )


def evaluate_alone(model: EncoderDecoder, pairs: list[tuple[str, str]]) -> PairEvaluation:
    """By the definition of each measure, without batches."""
    losses = [loss for pair in pairs for loss in losses_of(model, *pair)]
    right = edits = target_chars = 0
    sources = {source for source, _ in pairs}
    for source in sources:
        written = written_alone(model, source)
        targets = sorted((target for other, target in pairs if other == source), key=len)
        nearest = min(targets, key=functools.partial(edit_distance, written))
        right += written in targets
        edits += edit_distance(written, nearest)
        target_chars += len(nearest)
    mean = sum(losses) / len(losses)
    return PairEvaluation(mean, len(losses), len(sources), right, edits, target_chars)


@pytest.fixture
def pairs(model: EncoderDecoder) -> list[tuple[str, str]]:
    """Pairs of which some are right: one by its only target, one by its last of three."""
    return [*PAIRS, *((source, written_alone(model, source)) for source in ("cb", "c"))]


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_every_source_counts_once_however_they_are_batched_and_shared(
    model: EncoderDecoder, pairs: list[tuple[str, str]], parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attn_cli.objectives.pair_evaluation.TOKENS_PER_BATCH", 30)
    expected = evaluate_alone(model, pairs)
    sums = torch.zeros(6, dtype=torch.float64)
    model.train()

    for part in range(parts):
        measured = evaluate_pairs([model], pairs_of(pairs), part, parts, sums.add_)

    assert model.training
    assert measured.loss == pytest.approx(expected.loss, rel=1e-5)
    for name in ("chars", "examples", "right", "edits", "target_chars"):
        assert getattr(measured, name) == getattr(expected, name), name
    assert 2 <= measured.right < measured.examples == 8
    assert measured.accuracy == measured.right / 8
    assert measured.error_rate == measured.edits / measured.target_chars
    low, high = measured.accuracy_interval
    assert low < measured.accuracy < high


def test_what_is_written_comes_with_the_nearest_target_of_its_source(
    model: EncoderDecoder,
) -> None:
    pairs = pairs_of(PAIRS).by_length()
    sources = list(pairs.sources())
    found = {sources[each.place]: each for each in written_targets([model], pairs)}
    assert found.keys() == {source for source, _ in PAIRS}
    for source, each in found.items():
        written = TOKENIZER.decode(each.written)
        targets = [target for other, target in PAIRS if other == source]
        assert written == written_alone(model, source)
        assert TOKENIZER.decode(each.target) in targets
        assert each.edits == min(Levenshtein.distance(written, target) for target in targets)


def test_several_models_write_by_the_mean_of_their_probabilities(model: EncoderDecoder) -> None:
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.head.weight.mul_(0.1)  # nearly uniform: the mean is the first's choice
    together = evaluate_pairs([model, other], pairs_of(PAIRS))
    alone = evaluate_pairs([model], pairs_of(PAIRS))
    assert (together.right, together.edits) == (alone.right, alone.edits)
    batch = pair_batch(pairs_of(PAIRS))
    each = [
        m(batch.inputs, batch.source, source_mask=batch.mask).softmax(-1) for m in (model, other)
    ]
    targets = batch.targets.clamp(min=0)[..., None]
    losses = -((each[0] + each[1]) / 2).gather(-1, targets)[..., 0].log()
    assert together.loss == pytest.approx(losses[batch.targets >= 0].mean().item(), rel=1e-5)


def test_padding_and_micro_batches_change_neither_the_loss_nor_the_gradient(
    model: EncoderDecoder,
) -> None:
    parameters = list(model.parameters())
    batch = pair_batch(pairs_of(PAIRS))
    loss, count = pair_loss(model, batch)
    gradients = torch.autograd.grad(loss / count, parameters)
    alone = [pair_loss(model, pair_batch(pairs_of([pair]))) for pair in PAIRS]
    assert count == sum(number for _, number in alone)
    losses = sum(sum(losses_of(model, *pair)) for pair in PAIRS)
    assert loss.item() == pytest.approx(losses, rel=1e-5)
    for parts in (alone, [pair_loss(model, part) for part in batch.split(3)]):
        total = torch.stack([each for each, _ in parts]).sum()
        expected = torch.autograd.grad(total / count, parameters)
        torch.testing.assert_close(gradients, expected, rtol=1e-3, atol=2e-4)


def test_smoothing_spreads_probability_over_all_characters(model: EncoderDecoder) -> None:
    batch = pair_batch(pairs_of(PAIRS))
    plain, count = pair_loss(model, batch)
    smooth, _ = pair_loss(model, batch, smoothing=0.3)
    logits = model(batch.inputs, batch.source, source_mask=batch.mask)
    uniform = -logits.log_softmax(-1).mean(-1)[batch.targets >= 0].sum()
    torch.testing.assert_close(smooth, 0.7 * plain + 0.3 * uniform)
    assert count == sum(len(target) + 1 for _, target in PAIRS)


def test_a_target_ends_where_the_context_does(model: EncoderDecoder) -> None:
    never = torch.eye(TOKENIZER.vocab_size)[NEWLINE] * -1e4
    model.head.bias = torch.nn.Parameter(never)
    batch = pair_batch(pairs_of(PAIRS))
    assert batch.source is not None
    written = greedy_targets([model], batch.source, batch.mask, newline_id=NEWLINE)
    assert [len(ids) for ids in written] == [16] * len(PAIRS)


def test_nothing_is_no_evaluation(model: EncoderDecoder) -> None:
    with pytest.raises(DatasetError, match="there are no pairs"):
        evaluate_pairs([model], pairs_of(PAIRS)[:0])
