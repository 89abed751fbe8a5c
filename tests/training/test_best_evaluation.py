"""The best evaluation: by each metric, in its right direction."""

from dataclasses import dataclass

import pytest

from attn_cli.training.best_evaluation import BestEvaluation


@dataclass(frozen=True)
class Measured:
    loss: float
    accuracy: float
    macro_f1: float


# The loss is lowest at step 2, the accuracy highest at step 3, macro-F1 at step 1.
EVALUATIONS = [Measured(0.9, 0.5, 0.6), Measured(0.4, 0.7, 0.1), Measured(0.5, 0.8, 0.5)]


@pytest.mark.parametrize(("by", "best_step"), [("loss", 2), ("accuracy", 3), ("macro_f1", 1)])
def test_each_metric_is_best_in_its_right_direction(by, best_step):
    best = BestEvaluation(by)

    for step, evaluation in enumerate(EVALUATIONS, start=1):
        best.record(evaluation, step)

    assert best.step == best_step
    assert best.loss == EVALUATIONS[best_step - 1].loss
    assert best.metric == getattr(EVALUATIONS[best_step - 1], by)
    assert best.evaluations_since == 3 - best_step


def test_an_evaluation_that_is_only_as_good_is_no_better():
    best = BestEvaluation("accuracy")
    for step in (1, 2, 3):
        best.record(EVALUATIONS[0], step)

    assert best.step == 1
    assert not best.out_of_patience(3)
    assert best.out_of_patience(2)
    assert not best.out_of_patience(None)
