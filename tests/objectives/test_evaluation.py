"""The loss of each character, against predicting one after the other."""

import math

import numpy as np
import pytest
import torch

from attn_cli.errors import DatasetError
from attn_cli.model.build import build_model
from attn_cli.model.transformer import Transformer
from attn_cli.objectives.evaluation import TOKENS_PER_BATCH, PerTokenLosses, evaluate
from attn_cli.objectives.text_objective import token_loss
from attn_cli.runs.checkpoint import read_checkpoint
from attn_cli.text.example_batches import equal_length_batches, padded_batch
from attn_cli.text.examples import Examples
from attn_cli.text.lines import find_lines
from attn_cli.text.tokenizer import printable_tokenizer
from tests.conftest import NAMES, Trained, tiny_config


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


@pytest.fixture(scope="module")
def lines() -> Examples:
    """Lines of 1 to 15 characters, of which the model sees at most 16 with the end."""
    tokenizer = printable_tokenizer()
    text = "\n".join(NAMES)
    return find_lines(tokenizer.encode(text), tokenizer).fit(16, "cut")


def losses_of_a_line(model: Transformer, ids: list[int]) -> list[float]:
    """The loss of each character of a line by itself, and of its end, one after the other."""
    expected = []
    for place in range(1, len(ids)):
        with torch.no_grad():
            probs = model(torch.tensor([ids[:place]]))[0, -1].double().softmax(-1)
        expected.append(-math.log(probs[ids[place]].item()))
    return expected


def test_each_line_is_predicted_by_itself_to_its_end(model: Transformer, lines: Examples) -> None:
    expected = [losses_of_a_line(model, lines[i : i + 1].joined().tolist()) for i in range(20)]
    losses = PerTokenLosses(model, lines[:20])
    every = np.concatenate(list(losses))
    np.testing.assert_allclose(every, np.concatenate(expected), rtol=1e-4, atol=1e-5)
    evaluation = evaluate(model, lines[:20])
    assert evaluation.chars == len(every) == sum(len(line) for line in NAMES[:20])
    assert evaluation.loss == pytest.approx(np.concatenate(expected).mean(), rel=1e-5)
    assert losses.evaluation().loss == pytest.approx(evaluation.loss, rel=1e-6)


def test_the_standard_error_is_that_of_a_ratio_over_lines(
    model: Transformer, lines: Examples
) -> None:
    each = [evaluate(model, lines[i : i + 1]) for i in range(20)]
    mean = evaluate(model, lines[:20])
    residuals = [(one.loss - mean.loss) * one.chars for one in each]
    expected = math.sqrt(20 / 19 * sum(r * r for r in residuals)) / mean.chars
    assert mean.standard_error == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("block", ["gpt2", "qwen3"])
def test_padding_changes_neither_the_loss_nor_the_gradient(block: str, lines: Examples) -> None:
    config = tiny_config(f"model.block={block}")
    torch.manual_seed(3)
    model = build_model(config.model, 100)
    padded = padded_batch(lines[:9], 16)
    assert padded.target_count < padded.targets.numel()
    loss, count = token_loss(model, padded)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    alone = [token_loss(model, each) for each in equal_length_batches(lines[:9], 1)]
    assert count == sum(number for _, number in alone)
    total = torch.stack([each for each, _ in alone]).sum()
    assert loss.item() == pytest.approx(total.item(), rel=1e-5)
    expected = torch.autograd.grad(total, list(model.parameters()))
    for one, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


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
