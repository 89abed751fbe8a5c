"""The loss of each character, against predicting one after the other."""

import math

import numpy as np
import pytest
import torch

from attn_cli.errors import DatasetError
from attn_cli.model.transformer import Transformer
from attn_cli.objectives.evaluation import TOKENS_PER_BATCH, PerTokenLosses, evaluate
from attn_cli.runs.checkpoint import read_checkpoint
from tests.conftest import Trained


@pytest.fixture(scope="module")
def model(trained: Trained) -> Transformer:
    return read_checkpoint(trained.run.checkpoint("best")).load_model()


def test_each_loss_is_that_of_its_character(model: Transformer) -> None:
    ids = torch.randint(100, (41,), generator=torch.Generator().manual_seed(1))
    expected = []
    for place in range(1, 41):
        window = (place - 1) // 16 * 16  # where the windows of 16 begin
        with torch.no_grad():
            probs = model(ids[None, window:place])[0, -1].double().softmax(-1)
        expected.append(-math.log(probs[ids[place]].item()))
    losses = np.concatenate(list(PerTokenLosses(model, ids.numpy())))
    np.testing.assert_allclose(losses, expected, rtol=1e-4, atol=1e-5)


def test_the_mean_over_characters_is_the_reported_loss(model: Transformer) -> None:
    # Several times what is computed at once, with a window at the end that is not whole.
    ids = np.random.default_rng(2).integers(100, size=2 * TOKENS_PER_BATCH + 1000)
    losses = PerTokenLosses(model, ids)
    arrays = list(losses)
    assert len(arrays) == 4
    every = np.concatenate(arrays)
    evaluation = evaluate(model, ids)
    assert losses.evaluation() == evaluation
    assert evaluation.chars == len(every) == len(ids) - 1
    assert evaluation.loss == pytest.approx(every.mean(dtype=np.float64), rel=1e-12)


def test_losses_that_nobody_reads_to_the_end_keep_the_mode(model: Transformer) -> None:
    model.train()
    some = iter(PerTokenLosses(model, np.arange(50)))
    next(some)
    assert torch.is_grad_enabled()
    del some
    assert model.training
    model.eval()


@pytest.mark.parametrize("length", [0, 1])
def test_a_text_with_nothing_to_predict_is_refused(model: Transformer, length: int) -> None:
    with pytest.raises(DatasetError, match="at least 2"):
        evaluate(model, np.arange(length))
