"""An encoder: what it sees, how it is measured, and that it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from attn_cli.model.build import build_model
from attn_cli.model.transformer import Transformer
from attn_cli.objectives.evaluation import PerTokenLosses, evaluate
from attn_cli.runs.load_model import load_model
from attn_cli.text.examples import Examples
from attn_cli.text.masking import PASSES
from tests.conftest import Trained, tiny_config, train_in

V, MASK_ID, T = 23, 22, 16


@pytest.fixture
def encoder() -> Transformer:
    torch.manual_seed(7)
    return build_model(tiny_config().model, V, "mlm").eval()


@torch.no_grad()
def test_each_character_sees_both_sides(encoder: Transformer) -> None:
    ids = torch.arange(11)[None] % MASK_ID
    for changed in (0, 10):
        other = ids.clone()
        other[0, changed] = MASK_ID
        differs = (encoder(ids) != encoder(other)).any(dim=-1)[0]
        assert differs.all(), changed


@torch.no_grad()
def test_padding_changes_nothing(encoder: Transformer) -> None:
    ids = torch.arange(11)[None] % MASK_ID
    padded = F.pad(ids, (0, 4), value=3)
    mask = (torch.arange(15) < 11).view(1, 1, 1, 15)
    torch.testing.assert_close(
        encoder(padded, mask=mask)[:, :11], encoder(ids), atol=1e-6, rtol=1e-6
    )


@torch.no_grad()
def test_the_evaluation_is_the_mean_over_each_character_hidden_once(encoder: Transformer) -> None:
    text = np.random.default_rng(2).integers(0, MASK_ID, 53)
    hidden_together = np.random.default_rng(0).permutation(T) % PASSES
    losses, right = [], 0
    for place in range(len(text) - 1):
        first = place // T * T
        window = text[first : min(first + T, len(text) - 1)]
        inputs = torch.from_numpy(window.copy())
        inputs[hidden_together[: len(window)] == hidden_together[place - first]] = MASK_ID
        logits = encoder(inputs[None])[0, place - first]
        losses.append(F.cross_entropy(logits, torch.tensor(int(text[place]))).item())
        right += int(logits.argmax()) == text[place]
    measured = evaluate(encoder, text, mask_id=MASK_ID)
    assert measured.chars == len(losses)
    assert measured.loss == pytest.approx(np.mean(losses), abs=1e-5)
    in_order = np.concatenate(list(PerTokenLosses(encoder, text, MASK_ID)))
    assert in_order == pytest.approx(losses, abs=1e-5)
    windows = [np.sum(losses[first : first + T]) for first in range(0, len(losses), T)]
    counts = [len(losses[first : first + T]) for first in range(0, len(losses), T)]
    deviations = windows - np.mean(losses) * np.array(counts)
    error = np.sqrt(4 / 3 * np.sum(deviations**2)) / len(losses)
    assert measured.standard_error == pytest.approx(error, rel=1e-4)
    assert measured.accuracy == right / len(losses)


@pytest.mark.parametrize("parts", [2, 3])
def test_processes_together_measure_what_one_does(encoder: Transformer, parts: int) -> None:
    text = np.random.default_rng(2).integers(0, MASK_ID, 53)
    sums = torch.zeros(0)

    def collect(own: torch.Tensor) -> torch.Tensor:
        nonlocal sums
        sums = own if not len(sums) else sums + own
        return sums

    for part in range(parts):
        together = evaluate(encoder, text, part, parts, collect, mask_id=MASK_ID)
    alone = evaluate(encoder, text, mask_id=MASK_ID)
    assert together.chars == alone.chars
    assert together.loss == pytest.approx(alone.loss, abs=1e-6)


def test_it_learns_a_text(trained_encoder: Trained) -> None:
    result = trained_encoder.result
    assert result.evaluation is not None
    assert result.evaluation.loss < 1.5
    assert result.evaluation.accuracy is not None
    assert result.evaluation.accuracy > 0.5


def test_a_sample_shows_blanks_and_what_was_filled_in(trained_encoder: Trained) -> None:
    sample = trained_encoder.run.sample(trained_encoder.result.best_step)
    blanks, filled = sample[: len(sample) // 2], sample[len(sample) // 2 + 1 :]
    assert "▢" in blanks
    assert "▢" not in filled
    assert [f for b, f in zip(blanks, filled, strict=True) if b != "▢"] == [
        b for b in blanks if b != "▢"
    ]


def test_a_run_of_lines_predicts_each_character_but_no_newline(
    names_file: Path, tmp_path: Path
) -> None:
    trained = train_in(
        tmp_path / "run", names_file, "task=mlm", "data.records=lines", "train.steps=4"
    )
    loaded = load_model(trained.run.path)
    validation = loaded.corpus().validation
    assert isinstance(validation, Examples)
    measured = evaluate(loaded.model, validation, mask_id=loaded.tokenizer.mask_id)
    assert measured.chars == validation.n_targets - len(validation)
