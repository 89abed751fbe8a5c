"""A whole run: what it learns, what it leaves, and how it ends."""

import itertools
import json
import math
import time
from pathlib import Path

import pytest
import torch

from attn_cli.errors import OperationError
from attn_cli.objectives.evaluation import evaluate
from attn_cli.runs.checkpoint import read_checkpoint
from attn_cli.runs.metrics import read_metrics
from attn_cli.runs.run_folder import RunFolder
from tests.conftest import Trained, train_in


def test_it_learns(trained: Trained) -> None:
    first, last = trained.callback.evaluations[0], trained.callback.evaluations[-1]
    assert trained.result.val_loss < 0.8 < first.val_loss < math.log(100)
    assert last.val_loss == trained.result.val_loss


def test_every_figure_is_in_the_metrics(trained: Trained) -> None:
    lines = list(read_metrics(trained.run.metrics))
    assert [line.step for line in lines] == list(range(10, 241, 10))
    assert [line.step for line in lines if line.val_loss is not None] == [80, 160, 240]
    for line in lines:
        assert line.chars == line.step * 8 * 16
        assert line.chars_per_second > 0
    record = json.loads(trained.run.metrics.read_text().splitlines()[7])
    assert record["val_bits_per_char"] == pytest.approx(record["val_loss"] / math.log(2))
    assert set(record) == {
        "step", "chars", "seconds", "train_loss", "lr", "grad_norm", "chars_per_second",
        "threads",
        "val_loss", "val_bits_per_char",
    }  # fmt: skip


def test_the_best_checkpoint_has_the_reported_loss(trained: Trained) -> None:
    checkpoint = read_checkpoint(trained.run.checkpoint("best"))
    assert checkpoint.metadata.step == trained.result.best_step
    from attn_cli.text.corpus import load_corpus

    corpus = load_corpus(trained.config.data.text, checkpoint.tokenizer)
    evaluation = evaluate(checkpoint.load_model(), corpus.validation)
    assert evaluation.loss == pytest.approx(trained.result.val_loss, abs=1e-6)
    assert evaluation.chars == len(corpus.validation) - 1


def test_evaluation_is_exact(trained: Trained) -> None:
    """Against a loop that predicts one character after the other within each window."""
    model = read_checkpoint(trained.run.checkpoint("best")).load_model()
    ids = torch.randint(100, (41,))
    total = 0.0
    for begin in range(0, 40, 16):
        window = ids[begin : begin + 17]
        with torch.no_grad():
            log_probs = model(window[None, :-1])[0].double().log_softmax(-1)
        total -= sum(log_probs[place, window[place + 1]].item() for place in range(len(window) - 1))
    evaluation = evaluate(model, ids.numpy())
    assert evaluation.loss == pytest.approx(total / 40, abs=1e-5)
    assert evaluation.chars == 40
    assert evaluation.perplexity == pytest.approx(math.exp(total / 40), rel=1e-4)


def test_evaluation_ignores_and_keeps_the_mode(trained: Trained, verse_file: Path) -> None:
    model = read_checkpoint(trained.run.checkpoint("best")).load_model()
    ids = torch.randint(100, (50,)).numpy()
    model.train()
    first = evaluate(model, ids)
    assert model.training
    model.eval()
    assert evaluate(model, ids) == first
    assert not model.training


def test_same_seed_same_run_and_another_seed_another(
    trained: Trained, verse_file: Path, tmp_path: Path
) -> None:
    again = train_in(tmp_path / "a", verse_file, "train.steps=240")
    other = train_in(tmp_path / "b", verse_file, "train.steps=240", "train.seed=7")
    assert again.result.val_loss == trained.result.val_loss
    assert other.result.val_loss != trained.result.val_loss


def test_sampling_and_evaluating_more_often_change_nothing(
    trained: Trained, verse_file: Path, tmp_path: Path
) -> None:
    often = train_in(tmp_path / "a", verse_file, "train.steps=240", "train.eval_every=48")
    assert often.callback.lines[-1].train_loss != 0
    assert often.callback.evaluations[-1].val_loss == trained.result.val_loss


@pytest.mark.parametrize(
    "settings",
    [
        ("model.block=qwen3", "model.position=rope", "train.optimizer=muon"),
        ("model.position=sinusoidal", "model.bias=true", "model.dropout=0.1"),
        ("model.position=none", "train.micro_batch_size=2", "model.tie_embeddings=false"),
        ("train.precision=bf16", "data.tokenizer=corpus", "train.grad_clip=0"),
        ("data.tokenizer=bytes", "train.warmup_steps=0"),
    ],
)
def test_every_kind_of_model_learns(
    verse_file: Path, tmp_path: Path, settings: tuple[str, ...]
) -> None:
    run = train_in(tmp_path / "run", verse_file, "train.steps=80", *settings)
    assert run.result.val_loss < 3.0


def test_a_stop_saves_and_says_so(verse_file: Path, tmp_path: Path) -> None:
    stopped = train_in(tmp_path / "run", verse_file, "train.steps=500", stop_at=13)
    assert stopped.result.interrupted
    assert stopped.result.steps == 13
    assert stopped.result.val_loss is None
    assert stopped.callback.evaluations == []
    state = read_checkpoint(stopped.run.best_or_latest()).metadata
    assert (state.step, state.best_step, state.finished) == (13, 0, False)


def test_time_ends_the_run_and_the_schedule_with_it(
    verse_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that moves on by 5 ms whenever somebody looks at it."""
    begin, looks = time.monotonic(), itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: begin + 0.005 * next(looks))
    run = train_in(
        tmp_path / "run", verse_file, "train.minutes=0.05", "train.eval_every=20",
        "train.min_learning_rate=0",
    )  # fmt: skip
    assert not run.result.interrupted
    # At least half of the three seconds are for training.
    assert 1.5 <= run.result.seconds < 3.0
    assert run.result.steps > 20
    assert run.callback.lines[-1].lr < 0.2 * 1e-2


def test_only_the_best_and_the_newest_checkpoints_stay(verse_file: Path, tmp_path: Path) -> None:
    run = train_in(
        tmp_path / "run", verse_file, "train.steps=100", "train.keep_checkpoints=2",
        "train.checkpoint_every=10", "train.eval_every=50",
    ).run  # fmt: skip
    folders = {path.name for path in run.checkpoints.iterdir() if path.is_dir()}
    assert {"step-00000090", "step-00000100"} <= folders
    assert run.checkpoint("best").name in folders
    assert len(folders) <= 3


def test_a_run_that_diverges_ends_and_says_what_to_try(verse_file: Path, tmp_path: Path) -> None:
    """Steps so large that the loss is soon no number."""
    wild = ("train.learning_rate=100", "train.grad_clip=0", "train.warmup_steps=0",
            "train.weight_decay=100", "train.log_every=1", "train.checkpoint_every=2")  # fmt: skip
    with pytest.raises(
        OperationError, match=r"training diverged: .* in 10 consecutive steps"
    ) as caught:
        train_in(tmp_path / "run", verse_file, "train.steps=200", *wild)
    run = RunFolder(tmp_path / "run")
    assert caught.value.hint is not None
    assert f"attn train --resume {run.path} --set train.learning_rate=33" in caught.value.hint
    lines = list(read_metrics(run.metrics))
    skipped = [line.step for line in lines if line.skipped_steps]
    # Nothing of what cannot be a number is written down as one.
    assert all((line.train_loss is None) == bool(line.skipped_steps) for line in lines)
    assert "NaN" not in run.metrics.read_text()
    # What is kept was good: its weights are numbers, and no broken step was applied to them.
    checkpoint = read_checkpoint(run.checkpoint("latest"))
    assert checkpoint.metadata.step >= skipped[0] - 2
    for parameter in checkpoint.load_model().parameters():
        assert parameter.isfinite().all()


def test_a_single_broken_step_is_left_out_and_told(
    verse_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from attn_cli.training import learner

    whole_step = learner.train_step

    def broken_once(mp_model, *arguments, step, **options):  # type: ignore[no-untyped-def]
        weight = mp_model.compute.final_norm.weight
        sound = weight.detach().clone()
        if step == 15:
            weight.data.fill_(float("nan"))
        outcome = whole_step(mp_model, *arguments, step=step, **options)
        if step == 15:
            weight.data.copy_(sound)
        return outcome

    monkeypatch.setattr(learner, "train_step", broken_once)
    trained = train_in(tmp_path / "run", verse_file, "train.steps=80")
    assert [line.step for line in trained.callback.lines if line.skipped_steps] == [20]
    (notice,) = trained.callback.notices
    assert notice.startswith("1 of the 10 steps up to 20 were not applied")
    assert trained.result.val_loss is not None
    assert trained.result.val_loss < 3.0


def test_a_loss_spike_is_told_once(verse_file: Path, tmp_path: Path) -> None:
    trained = train_in(
        tmp_path / "run", verse_file, "train.steps=60", "train.learning_rate=3",
        "train.warmup_steps=40", "train.log_every=5",
    )  # fmt: skip
    told = [notice for notice in trained.callback.notices if "loss spike" in notice]
    assert len(told) == 1
    assert "train.learning_rate=1" in told[0]


def test_a_validation_loss_that_is_no_number_keeps_what_was_saved(
    verse_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights break between two lines of the log, so that only the evaluation sees it."""
    from attn_cli.training import learner

    whole_step = learner.train_step

    def breaking(mp_model, *arguments, **options):  # type: ignore[no-untyped-def]
        outcome = whole_step(mp_model, *arguments, **options)
        breaking.calls += 1
        if breaking.calls == 80:
            with torch.no_grad():
                mp_model.compute.token_embedding.weight.fill_(float("nan"))
        return outcome

    breaking.calls = 0
    monkeypatch.setattr(learner, "train_step", breaking)
    with pytest.raises(OperationError, match="the validation loss is nan at step 80"):
        train_in(tmp_path / "run", verse_file, "train.steps=100")
    run = RunFolder(tmp_path / "run")
    assert read_checkpoint(run.checkpoint("latest")).metadata.step == 60
    assert "NaN" not in run.metrics.read_text()


def test_a_run_that_only_gets_worse_ends_early_and_keeps_its_best(tmp_path: Path) -> None:
    """Random letters: what is learned of them by heart makes the validation loss rise."""
    letters = torch.randint(97, 123, (800,), generator=torch.Generator().manual_seed(0))
    text = tmp_path / "random.txt"
    text.write_bytes(bytes(letters.tolist()))
    trained = train_in(
        tmp_path / "run", text, "train.steps=5000", "train.eval_every=20", "train.patience=3"
    )
    assert trained.result.steps < 5000
    assert trained.result.steps == trained.result.best_step + 3 * 20
    assert not trained.result.interrupted
    (notice,) = trained.callback.notices
    assert "no better validation loss in 3 evaluations" in notice
    assert read_checkpoint(trained.run.checkpoint("best")).metadata.step == trained.result.best_step


def test_without_patience_it_trains_to_the_end(trained: Trained) -> None:
    assert trained.callback.notices == []
