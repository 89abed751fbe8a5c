"""What a run's losses mean is said: how sure, learned by heart, nothing learned."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attn_cli.objectives.evaluation import Evaluation
from attn_cli.text.corpus import Corpus, load_corpus
from attn_cli.training.trainer import TrainResult
from attn_cli.training.verdict import FEW_CHARS, unigram_loss, verdict
from tests.conftest import VERSE

RESULT = TrainResult(
    steps=90,
    chars=9000,
    seconds=9.0,
    parameters=99,
    val_loss=1.5,
    best_step=60,
    evaluation=Evaluation(1.5, 1699, 0.05),
    val_chars=1699,
    interrupted=False,
)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    path = tmp_path / "verse.txt"
    path.write_text(VERSE * 200, encoding="utf-8")
    return load_corpus([str(path)], "printable")


def test_unigram_loss_is_the_cross_entropy_of_the_frequencies(corpus: Corpus) -> None:
    train = corpus.tokenizer.decode(corpus.train)
    validation = corpus.tokenizer.decode(corpus.validation)[1:]
    counts = Counter(train)
    total = len(train) + corpus.tokenizer.vocab_size
    loss = -sum(math.log((counts[c] + 1) / total) for c in validation) / len(validation)
    assert unigram_loss(corpus) == pytest.approx(loss)


def test_of_few_characters_the_interval_is_told(corpus: Corpus) -> None:
    assert list(verdict(corpus, RESULT)) == [
        "the validation split has only 1,699 characters: ± 0.10 nats (95 % interval)"
    ]
    many = replace(RESULT, val_chars=FEW_CHARS)
    assert not any("only" in line for line in verdict(corpus, many))


def test_a_run_that_learned_nothing_says_so(corpus: Corpus) -> None:
    worse = replace(RESULT, val_loss=unigram_loss(corpus) + 0.01)
    assert any("learned nothing" in line for line in verdict(corpus, worse))
    better = replace(RESULT, val_loss=unigram_loss(corpus) - 0.01)
    assert not any("learned nothing" in line for line in verdict(corpus, better))


def test_a_run_that_learned_the_text_by_heart_says_so(corpus: Corpus) -> None:
    turned = replace(RESULT, evaluation=Evaluation(2.5, 1699, 0.05))
    assert any(
        "by heart: the validation loss rose to 2.5" in line for line in verdict(corpus, turned)
    )


def test_a_loss_of_a_part_says_of_which(corpus: Corpus) -> None:
    part = replace(RESULT, val_chars=1000)
    assert "first 1,000 of" in next(iter(verdict(corpus, part)))


def test_without_an_evaluation_there_is_nothing_to_say(corpus: Corpus) -> None:
    assert list(verdict(corpus, replace(RESULT, val_loss=None, evaluation=None))) == []


def test_the_standard_error_is_that_of_means_over_windows() -> None:
    from attn_cli.objectives.evaluation import _WindowSums

    random = np.random.default_rng(0)
    losses = random.normal(2.0, 0.5, (400, 7)).astype(np.float32)
    sums = _WindowSums()
    sums.add(losses[:300])
    sums.add(losses[300:])
    evaluation = sums.evaluation()
    expected = losses.mean(axis=1).std(ddof=1) / math.sqrt(400)
    assert evaluation.standard_error == pytest.approx(expected, rel=1e-5)
    assert evaluation.loss == pytest.approx(losses.mean(), rel=1e-6)
