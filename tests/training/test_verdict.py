"""What a loss means is told: how sure it is, beside baselines, beside the training loss."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attn_cli.objectives.evaluation import Evaluation
from attn_cli.runs.metrics import StepMetrics, append_metrics, metrics_line
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.baselines import Baselines
from attn_cli.text.corpus import Corpus, load_corpus
from attn_cli.training.result import TrainResult
from attn_cli.training.verdict import (
    FEW_CHARS,
    TrainingLoss,
    beside_baselines,
    training_loss,
    verdict,
)
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
BASELINES = Baselines(
    single_characters=4.76, five_gram=2.4, xz=2.5, ppmd=2.0, chars=1700, train_chars=15_300
)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    path = tmp_path / "verse.txt"
    path.write_text(VERSE * 200, encoding="utf-8")
    return load_corpus([str(path)], "printable")


def lines(corpus: Corpus, result: TrainResult = RESULT, **training: float) -> list[str]:
    """The verdict; `training` is the training loss at the best step, if any."""
    known = TrainingLoss(**training) if training else None  # type: ignore[arg-type]
    return list(verdict(corpus, result, BASELINES, known))


def of_bits(bits: float) -> TrainResult:
    loss = bits * math.log(2)
    return replace(RESULT, val_loss=loss, evaluation=Evaluation(loss, 1699, 0.05))


def test_of_few_characters_the_interval_is_told(corpus: Corpus) -> None:
    told = "the validation split has only 1,699 characters: ± 0.10 nats (95 % interval)"
    assert told in lines(corpus)
    assert told not in lines(corpus, replace(RESULT, val_chars=FEW_CHARS))


def test_a_loss_of_a_part_says_of_which(corpus: Corpus) -> None:
    assert "on 1,000 of" in lines(corpus, replace(RESULT, val_chars=1000))[0]


def test_without_an_evaluation_there_is_nothing_to_say(corpus: Corpus) -> None:
    assert lines(corpus, replace(RESULT, val_loss=None, evaluation=None)) == []


@pytest.mark.parametrize(
    ("bits", "meaning"),
    [
        (4.8, "worse than the frequencies of single characters: it has learned nothing yet that "
         "carries over"),
        (2.6, "better than single characters, 0.10 bits behind xz: it does not yet use more than "
         "the last 4 characters"),
        (2.45, "better than single characters and xz, 0.05 bits behind the 5-gram: it does not "
         "yet use more than the last 4 characters"),
        (2.1, "better than single characters, the 5-gram and xz, 0.10 bits behind PPMd: it uses "
         "more than the last 4 characters"),
        (1.9, "better than all of these, 0.10 bits ahead of PPMd"),
    ],
)  # fmt: skip
def test_a_loss_is_told_beside_the_baselines(corpus: Corpus, bits: float, meaning: str) -> None:
    beside, told = lines(corpus, of_bits(bits))[1:]
    assert told == meaning
    assert beside == (
        "beside it: single characters 4.76, 5-gram 2.40, xz 2.50, PPMd 2.00 bits per character "
        "(xz and PPMd go on learning as they read"
        f"{'' if bits < 2 else ', as a model does with attn evaluate --dynamic'})"
    )


def test_a_model_that_learned_as_it_read_is_told_beside_those_that_do(corpus: Corpus) -> None:
    beside, told = beside_baselines(2.1, BASELINES, corpus, corpus.validation, dynamic=True)
    assert beside.endswith("(xz and PPMd learn as they read, too)")
    assert "0.10 bits behind PPMd" in told


@pytest.mark.parametrize("train_chars", [1000, 15_300])
def test_where_baselines_are_of_a_part_it_is_told(corpus: Corpus, train_chars: int) -> None:
    part = replace(BASELINES, chars=500, train_chars=train_chars)
    beside = next(beside_baselines(2.0, part, corpus, corpus.validation))
    assert f"on the first 500 characters after the last {train_chars:,} of training" in beside


@pytest.mark.parametrize(
    ("train", "chars", "meaning"),
    [
        (2.05, 99_999, " are close: it has learned nothing by heart; longer training may help"),
        (1.8, 99_999, ": it has begun to learn the text by heart; more text helps more than"),
        (1.2, 99_999, ": it has learned much of the text by heart; more text helps more than"),
        (1.8, 9_999, ", after less than one epoch: the validation split is harder than the rest"),
        (2.5, 99_999, ": the validation split is easier than the training text"),
    ],
)
def test_training_and_validation_loss_are_told_apart(
    corpus: Corpus, train: float, chars: int, meaning: str
) -> None:
    told = lines(corpus, of_bits(2.1), bits=train, chars=chars)[-1]
    assert told.startswith(f"train {train:.2f} and validation 2.10 bits{meaning}")


def test_a_validation_loss_that_rose_again_is_told_instead(corpus: Corpus) -> None:
    turned = replace(RESULT, evaluation=Evaluation(2.5, 1699, 0.05))
    *_, last = lines(corpus, turned, bits=1.0, chars=99_999)
    assert last.startswith(
        "after step 60 it learned the text by heart: the validation loss rose to 2.5"
    )


def test_what_learned_nothing_has_learned_nothing_by_heart(corpus: Corpus) -> None:
    assert "nothing yet" in lines(corpus, of_bits(4.8), bits=4.9, chars=99_999)[-1]


def test_the_training_loss_is_that_of_the_last_steps_before_the_best(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert training_loss(run, 100) is None
    losses = {10: 9.0, 90: 9.0, 96: 2.0, 98: None, 100: 1.0, 110: 0.5}
    for step, loss in losses.items():
        append_metrics(
            run.metrics,
            metrics_line(StepMetrics(step, 7 * step, 1.0, loss, 0.1, 1.0, 1.0)),
        )
    assert training_loss(run, 100) == TrainingLoss(pytest.approx(1.5 / math.log(2)), 700)
    assert training_loss(run, 10) == TrainingLoss(pytest.approx(9 / math.log(2)), 70)


def test_the_standard_error_is_that_of_means_over_windows() -> None:
    from attn_cli.objectives.evaluation import WindowSums

    random = np.random.default_rng(0)
    losses = random.normal(2.0, 0.5, (400, 7)).astype(np.float32)
    sums = WindowSums()
    chars = np.full(400, 7)
    sums.add(losses[:300], chars[:300], n_right=900)
    sums.add(losses[300:], chars[300:], n_right=500)
    evaluation = sums.evaluation()
    expected = losses.mean(axis=1).std(ddof=1) / math.sqrt(400)
    assert evaluation.standard_error == pytest.approx(expected, rel=1e-5)
    assert evaluation.loss == pytest.approx(losses.mean(), rel=1e-6)
    assert evaluation.accuracy == 0.5
