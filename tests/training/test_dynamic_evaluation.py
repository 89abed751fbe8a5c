"""Dynamic evaluation: predicted first, learned afterwards, and nothing of it kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from attn_cli.inspection.token_losses import token_losses
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.text.batches import IGNORE_INDEX
from attn_cli.text.examples import Examples
from attn_cli.text.lines import find_lines
from attn_cli.training import dynamic_evaluation
from attn_cli.training.dynamic_evaluation import STRETCH, DynamicLosses, stretches
from tests.conftest import NAMES, Outcome, Trained, train_in

Attn = Callable[..., Outcome]

BLOCK_SIZE = 16  # of the trained model
# Of characters that are rare in what it was trained on.
REPEATED = "Zq#7 vX%kw9! " * 40


@pytest.fixture(scope="module", params=["characters", "n-grams"])
def loaded(
    request: pytest.FixtureRequest,
    trained: Trained,
    verse_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> TrainedModel:
    if request.param == "characters":
        return load_model(trained.run.path)
    folder = tmp_path_factory.mktemp("ngrams") / "run"
    rare = "train.table_min_count=1000"  # rows that training left at zero are learned here
    run = train_in(folder, verse_file, "model.ngrams=[2, 3]", "train.steps=40", rare)
    return load_model(run.run.path)


@pytest.fixture(autouse=True)
def fast_learning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model so small, and so short a text, need larger steps."""
    monkeypatch.setattr(dynamic_evaluation, "LEARNING_RATE", 5e-3)


def losses(loaded: TrainedModel, text: str) -> NDArray[np.float32]:
    """The loss of each character but the first."""
    return np.concatenate(list(DynamicLosses(loaded, loaded.tokenizer.encode(text))))


def test_what_a_text_has_had_before_is_expected(loaded: TrainedModel) -> None:
    each = losses(loaded, REPEATED)
    fixed = np.concatenate(list(token_losses(loaded, loaded.tokenizer.encode(REPEATED))))
    assert len(each) == len(fixed) == len(REPEATED) - 1
    quarter = len(each) // 4
    assert each[-quarter:].mean() < each[:quarter].mean() - 1
    assert each[-quarter:].mean() < fixed[-quarter:].mean() - 1


def test_no_loss_knows_what_comes_later(loaded: TrainedModel) -> None:
    place = 3 * BLOCK_SIZE + 5
    changed = REPEATED[:place] + "e" + REPEATED[place + 1 :]
    before, after = losses(loaded, REPEATED), losses(loaded, changed)
    # Loss i is of character i + 1.
    np.testing.assert_array_equal(before[: place - 1], after[: place - 1])
    assert (before[place - 1 :] != after[place - 1 :]).all()


def test_the_weights_of_the_run_stay_as_they_are(loaded: TrainedModel) -> None:
    path = loaded.checkpoint.folder / "model.safetensors"
    weights = path.read_bytes()
    each = DynamicLosses(loaded, loaded.tokenizer.encode(REPEATED))
    first = np.concatenate(list(each))
    evaluation = each.evaluation()
    np.testing.assert_array_equal(np.concatenate(list(each)), first)
    assert each.evaluation() == evaluation
    assert evaluation.chars == len(REPEATED) - 1
    assert evaluation.loss == pytest.approx(first.mean(dtype=np.float64))
    assert path.read_bytes() == weights


def test_a_model_that_does_not_learn_predicts_from_the_longest_context(
    loaded: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamic_evaluation, "LEARNING_RATE", 0.0)
    monkeypatch.setattr(dynamic_evaluation, "TABLE_LEARNING_RATE", 0.0)
    monkeypatch.setattr(dynamic_evaluation, "STRETCH", 5)
    ids = loaded.tokenizer.encode(REPEATED[:41])
    each = losses(loaded, REPEATED[:41])
    for place in range(1, 41):
        end = min(-(-place // 5) * 5, 40)  # of the stretch that the character is in
        window = torch.from_numpy(ids[max(0, end - BLOCK_SIZE) : place].astype(np.int64))
        with torch.no_grad():
            probs = loaded.model(window[None])[0, -1].double().softmax(-1)
        assert each[place - 1] == pytest.approx(-math.log(probs[ids[place]].item()), rel=1e-4)


@pytest.mark.parametrize("length", [0, 1, 2, STRETCH, STRETCH + 1, STRETCH + 2, 1000])
@pytest.mark.parametrize("block_size", [1, 16, STRETCH, 2 * STRETCH + 3])
def test_stretches_predict_each_character_but_the_first_once(length: int, block_size: int) -> None:
    ids = np.arange(length, dtype=np.uint16)
    batches = list(stretches(ids, block_size))
    targets = [batch.targets[batch.targets != IGNORE_INDEX] for batch in batches]
    predicted = torch.cat([*targets, torch.zeros(0, dtype=torch.int64)])
    assert predicted.tolist() == list(range(1, length))
    assert all(batch.inputs.shape[1] <= block_size for batch in batches)
    assert all(
        (batch.inputs + 1)[batch.targets >= 0].equal(target)
        for batch, target in zip(batches, targets, strict=True)
    )


def test_lines_are_read_in_their_order(loaded: TrainedModel) -> None:
    text = loaded.tokenizer.encode("".join(NAMES))
    lines = find_lines(text, loaded.tokenizer)
    assert isinstance(lines, Examples)
    each = DynamicLosses(loaded, lines)
    array = np.concatenate(list(each))
    assert len(array) == each.evaluation().chars == sum(map(len, NAMES))
    fixed = np.concatenate(list(token_losses(loaded, lines)))
    first = len(NAMES[0])  # of the first batch, nothing has been learned yet
    np.testing.assert_allclose(array[:first], fixed[:first], rtol=1e-4, atol=1e-5)


def test_evaluate_says_how_it_measured(attn: Attn, trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text(REPEATED, encoding="utf-8")
    at = ("evaluate", "mine.txt", "--run", trained.run.path)
    fixed, dynamic = attn(*at, "--json").json, attn(*at, "--dynamic", "--json").json
    assert (fixed["dynamic"], dynamic["dynamic"]) == (False, True)
    assert dynamic["loss"] < fixed["loss"]
    assert "where it learns the text as it reads it" in attn(*at, "--dynamic").out
    each = attn(*at, "--dynamic", "--per-char", "--json").json["per_char"]["surprisal_bits"]
    assert np.mean(each) == pytest.approx(dynamic["bits_per_char"], abs=1e-4)
