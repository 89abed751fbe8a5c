"""More to do for a run, whether it has ended or not, is done in full, and as if never stopped."""

import shutil
from pathlib import Path

import pytest
import torch

from attn_cli.config.load import load_config
from attn_cli.errors import InputError
from attn_cli.runs.checkpoint import read_checkpoint
from attn_cli.runs.run_folder import RunFolder
from tests.conftest import Trained, resume_in, train_in
from tests.runs.test_checkpoint import rewrite_state
from tests.training.test_resume import STEPS, assert_same_end


@pytest.fixture(scope="module")
def ended(verse_file: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of 60 steps."""
    folder = tmp_path_factory.mktemp("ended") / "run"
    return train_in(folder, verse_file, *STEPS, "model.dropout=0.1").run


@pytest.fixture
def run(ended: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of it."""
    shutil.copytree(ended.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


@pytest.mark.parametrize("stops", [(), (60,), (61, 74), (89,)])
def test_more_steps_are_those_of_a_longer_run(
    run: RunFolder, ended: RunFolder, tmp_path: Path, stops: tuple[int, ...]
) -> None:
    """With its schedule: stopped or not, and wherever."""
    shutil.copytree(ended.path, tmp_path / "longer")
    longer = resume_in(tmp_path / "longer", "train.steps=90").run
    rest = resume_in(run.path, more_steps=30, stop_at=stops[0] if stops else None)
    assert rest.config.train.steps == 90
    for stop in (*stops[1:], None) if stops else ():
        rest = resume_in(run.path, stop_at=stop)
    assert rest.result.steps == 90
    assert_same_end(run, longer)
    assert load_config(run.config).train.steps == 90


def test_the_learning_rate_is_told(run: RunFolder) -> None:
    begun, changed, schedule = resume_in(run.path, more_steps=30, stop_at=61).notes
    assert "resumed from step 60" in begun
    assert changed == "  train.steps 60 -> 90"
    assert schedule.startswith("  the learning-rate schedule now spans 90 steps: from 0.0")
    assert schedule.endswith(" at step 60 down to 0.0001")


def random_text(path: Path) -> Path:
    """A text of which nothing can be learned."""
    letters = torch.randint(97, 123, (800,), generator=torch.Generator().manual_seed(0))
    path.write_bytes(bytes(letters.tolist()))
    return path


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("train.patience=2", "  train.patience 2 -> none"),
        ("train.max_epochs=5", "  train.max_epochs 5 -> none"),
    ],
)
def test_what_has_ended_a_run_early_does_not_end_it_again(
    tmp_path: Path, limit: str, told: str
) -> None:
    recipe = ("train.steps=900", "train.eval_every=20", limit)
    early = train_in(tmp_path / "run", random_text(tmp_path / "random.txt"), *recipe)
    assert early.result.steps < 900
    longer = resume_in(tmp_path / "run", more_steps=90)
    assert longer.result.steps == early.result.steps + 90
    assert told in longer.notes


def test_a_limit_that_is_given_with_it_counts(tmp_path: Path) -> None:
    recipe = ("train.steps=900", "train.eval_every=20", "train.patience=2")
    early = train_in(tmp_path / "run", random_text(tmp_path / "random.txt"), *recipe)
    longer = resume_in(tmp_path / "run", "train.patience=3", more_steps=900)
    assert longer.result.steps == early.result.steps + 20


def test_more_minutes_for_a_run_of_steps_and_the_other_way_round(run: RunFolder) -> None:
    """The time of a run counts from its beginning, whenever that was."""
    rewrite_state(run.checkpoint("latest"), seconds=3600.0)
    longer = resume_in(run.path, more_minutes=0.05, stop_at=65)
    assert longer.config.train.minutes == pytest.approx(60.05)
    assert longer.result.steps == 65
    refused = pytest.raises(
        InputError, match=r"`more_minutes` 0.01: the run still has 0.0\d+ minutes"
    )
    with refused:
        resume_in(run.path, more_minutes=0.01)
    rest = resume_in(run.path, more_steps=5)
    assert (rest.result.steps, rest.config.train.minutes, rest.config.train.steps) == (70, None, 70)
    assert not rest.result.interrupted


@pytest.mark.parametrize("saved", [True, False])
def test_a_stopped_run_does_more_from_where_it_stands(
    verse_file: Path, tmp_path: Path, saved: bool
) -> None:
    run = train_in(tmp_path / "run", verse_file, *STEPS, stop_at=33).run
    done = 33 if saved else 0
    if not saved:  # killed before its first checkpoint
        shutil.rmtree(run.checkpoints)
    with pytest.raises(InputError, match=f"the run still has {60 - done} steps to go"):
        resume_in(run.path, more_steps=60 - done - 1)
    assert resume_in(run.path, more_steps=64).result.steps == done + 64


def test_an_ended_run_with_other_settings_has_still_ended(run: RunFolder) -> None:
    rest: Trained = resume_in(run.path, "train.log_every=5")
    assert "ended after 60 steps" in rest.notes[0]
    assert read_checkpoint(run.checkpoint("latest")).metadata.step == 60
